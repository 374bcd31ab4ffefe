# Check an AdamW in Julia against its vectors, without a package:  julia adamw.jl ../optimizers.adamw.jsonl
# Put your own step in the place of `adamw!`. With --mistake eps stands inside the root: a classic mistake.
# The tests run it where Julia is installed; it was never run.

mutable struct State
    theta::Vector{Float64}
    m::Vector{Float64}
    v::Vector{Float64}
    t::Int
end

function adamw!(s, grad, h, mistake)
    s.t += 1
    @. s.m = h.beta1 * s.m + (1 - h.beta1) * grad
    @. s.v = h.beta2 * s.v + (1 - h.beta2) * grad^2
    inside = s.v ./ (1 - h.beta2^s.t) .+ h.eps_root
    root = mistake ? sqrt.(inside .+ h.eps) : sqrt.(inside) .+ h.eps
    @. s.theta -= h.lr * (s.m / (1 - h.beta1^s.t) / root + h.weight_decay * s.theta)
end

# --- the reader ---
const LINE = r"^\{\"k\":\"[ !#-\[\]-~]*\"(,\"[ !#-\[\]-~]*\":\"[ !#-\[\]-~]*\")*\}$"
fields(line) = Dict(String(m[1]) => String(m[2]) for m in eachmatch(r"\"([^\"]*)\":\"([^\"]*)\"", line))
function read_lines(path) # what is no line, or not in its place, is an error that names it
    filesize(path) <= 256000 || error("larger than 256000 bytes")
    texts = readlines(path)
    steps, lines = 0, Dict{String,String}[]
    for (i, text) in enumerate(texts)
        ncodeunits(text) <= 65536 && occursin(LINE, text) || error("line $i: must be an object of strings of at most 65536 bytes")
        f = fields(text)
        i > 1 || get(f, "format", "") == "trainspec-vectors/1" || error("line 1: must be the head of a file of format trainspec-vectors/1")
        steps = f["k"] == "step" ? steps + 1 : 0
        steps == 0 || get(f, "t", "") == string(steps) || error("line $i: steps are not in order")
        is_end = f["k"] == "end" && get(f, "lines", "") == string(i)
        is_end == (i == length(texts)) || error("line $i: lines are missing, or follow the end")
        push!(lines, f)
    end
    isempty(lines) && error("line 0: the file is cut off")
    lines
end
# hexadecimal digits of an element, and bits of the exponent
const FORMATS = Dict("float64" => (16, 11), "float32" => (8, 8), "float16" => (4, 5), "bfloat16" => (4, 8), "float8_e5m2" => (2, 5), "float8_e4m3fn" => (2, 4))
function value(b, (digits, exponent)) # a number of its bits; of float8_e4m3fn one number alone is none, and none is infinite
    m, top = 4digits - 1 - exponent, 2^exponent - 1
    e, f = Int(b >> m) & top, Int(b & (UInt64(1) << m - 1))
    x = e == top && (exponent != 4 || f == 7) ? (f > 0 ? NaN : Inf) : ldexp(Float64(e > 0 ? f + 2^m : f), max(e, 1) - top ÷ 2 - m)
    b >> (4digits - 1) > 0 ? -x : x
end
bits(text, format = FORMATS["float64"]) = [value(parse(UInt64, text[i:i+format[1]-1]; base = 16), format) for i in 1:format[1]:length(text)]

# --- the comparison ---
number(f, name) = haskey(f, name) ? bits(f[name])[1] : 0.0
function worst(f, name, got)
    hi, tol = bits(f[name]), bits(f["$name.tol"])
    lo = haskey(f, "$name.lo") ? bits(f["$name.lo"]) : zero(hi)
    length(got) == length(hi) && length(tol) in (1, length(hi)) || return Inf
    limits = length(tol) == 1 ? fill(tol[1], length(hi)) : tol
    off = abs.((got .- hi) .- lo)
    maximum((o <= l ? 0.0 : (o / l > 1 ? o / l : Inf) for (o, l) in zip(off, limits)); init = 0.0)
end

function store(part, (digits, exponent)) # rounded to a format, once: this program computes in Float64
    least, m = 2 - 2^(exponent - 1), 4digits - 1 - exponent
    digits == 16 ? part : [x == 0 ? x : ldexp(round(ldexp(x, m - max(Base.exponent(x), least))), max(Base.exponent(x), least) - m) for x in part]
end

function check(path, mistake)
    lines = read_lines(path)
    lines[1]["entry"] == "optimizers.adamw" || error("line 1: this program is an optimizers.adamw")
    cases, failed, format = 0, Dict{String,String}(), (16, 11)
    s, h = State([], [], [], 0), nothing
    for (i, f) in enumerate(lines)
        try
            k = f["k"]
            if k in ("call", "run")
                format = FORMATS[f["dtype"]]
                cases += 1
                theta = bits(f["theta"], format)
                s = k == "call" ? State(theta, bits(f["state.m"], format), bits(f["state.v"], format), parse(Int, f["state.t"])) : State(theta, zero(theta), zero(theta), 0)
                h = (; (Symbol(n) => number(f, n) for n in ("lr", "beta1", "beta2", "eps", "eps_root", "weight_decay"))...)
            end
            id = get(f, "of", get(f, "id", ""))
            if k in ("call", "step")
                k == "step" && haskey(f, "theta") && (s.theta = bits(f["theta"], format)) # where it starts, in formats of fewer bits
                adamw!(s, bits(f["grad"], format), merge(h, (; lr = number(f, "lr"))), mistake)
                s.theta, s.m, s.v = store(s.theta, format), store(s.m, format), store(s.v, format)
                off = worst(f, "new.theta", s.theta)
                off > 1 && get!(failed, id, "$(get(f, "t", "")): off by $off tolerances")
            end
            k == "alt" && haskey(failed, id) && worst(f, "new.theta", s.theta) <= 1 && println("$id ends where this one does: $(f["words"])")
        catch problem
            error("line $i: $(sprint(showerror, problem))")
        end
    end
    foreach(p -> println(p[1], " ", p[2]), failed)
    println("$(cases - length(failed)) of $cases cases pass, in float64, float32 and formats of fewer bits")
    isempty(failed)
end

exit(all(path -> check(path, "--mistake" in ARGS), filter(a -> !startswith(a, "--"), ARGS)) ? 0 : 1)
