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
bits(text) = [reinterpret(Float64, parse(UInt64, text[i:i+15]; base = 16)) for i in 1:16:length(text)]

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

function check(path, mistake)
    lines = read_lines(path)
    lines[1]["entry"] == "optimizers.adamw" || error("line 1: this program is an optimizers.adamw")
    cases, others, failed, wide = 0, 0, Dict{String,String}(), false
    s, h = State([], [], [], 0), nothing
    for (i, f) in enumerate(lines)
        try
            k = f["k"]
            if k in ("call", "run")
                wide = f["dtype"] == "float64"
                wide || (others += 1; continue)
                cases += 1
                theta = bits(f["theta"])
                s = k == "call" ? State(theta, bits(f["state.m"]), bits(f["state.v"]), parse(Int, f["state.t"])) : State(theta, zero(theta), zero(theta), 0)
                h = (; (Symbol(n) => number(f, n) for n in ("lr", "beta1", "beta2", "eps", "eps_root", "weight_decay"))...)
            end
            wide || continue
            id = get(f, "of", get(f, "id", ""))
            if k in ("call", "step")
                adamw!(s, bits(f["grad"]), merge(h, (; lr = number(f, "lr"))), mistake)
                off = worst(f, "new.theta", s.theta)
                off > 1 && get!(failed, id, "$(get(f, "t", "")): off by $off tolerances")
            end
            k == "alt" && haskey(failed, id) && worst(f, "new.theta", s.theta) <= 1 && println("$id ends where this one does: $(f["words"])")
        catch problem
            error("line $i: $(sprint(showerror, problem))")
        end
    end
    foreach(p -> println(p[1], " ", p[2]), failed)
    println("$(cases - length(failed)) of $cases cases pass in float64; $others in other formats are left out")
    isempty(failed)
end

exit(all(path -> check(path, "--mistake" in ARGS), filter(a -> !startswith(a, "--"), ARGS)) ? 0 : 1)
