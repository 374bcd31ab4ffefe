"""Check an AdamW against its vectors, in plain Python: `python adamw.py ../optimizers.adamw.jsonl`. Put your own step in its place.

Without a file it answers the protocol: `trainspec check --command "python adamw.py"`.

With `--mistake` the step adds eps inside the root: the report says which convention that is.
"""

import json
import math
import struct
import sys

from trainspec_vectors import bits, read_lines, worst


def adamw(theta, grad, m, v, t, *, lr, beta1, beta2, eps, weight_decay, eps_root=0.0):
    """Return the next theta, m, v and t; lists of floats."""
    t += 1
    m = [beta1 * a + (1 - beta1) * g for a, g in zip(m, grad)]
    v = [beta2 * a + (1 - beta2) * g * g for a, g in zip(v, grad)]
    roots = [math.sqrt(a / (1 - beta2**t) + eps_root) for a in v]
    steps = [a / (1 - beta1**t) / (root + eps) + weight_decay * x for a, root, x in zip(m, roots, theta)]
    return [x - lr * step for x, step in zip(theta, steps)], m, v, t


def adamw_eps_inside(theta, grad, m, v, t, *, eps, eps_root=0.0, **hyper):
    """Return what AdamW does with eps inside the root: a classic mistake."""
    return adamw(theta, grad, m, v, t, eps=0.0, eps_root=eps_root + eps, **hyper)


# digits of an element, and bits of the exponent
STORED = {"float32": (8, 8), "float16": (4, 5), "bfloat16": (4, 8), "float8_e5m2": (2, 5), "float8_e4m3fn": (2, 4)}
HYPER = ("lr", "beta1", "beta2", "eps", "weight_decay", "eps_root")


def check(path, step):
    """Check a step against all vectors of a file; print what is off and return the numbers of cases and of failures."""
    lines = read_lines(path)
    if lines[0]["entry"] != "optimizers.adamw":
        raise ValueError(f"{path}, line 1: this program is an optimizers.adamw, got vectors of {lines[0]['entry']}")
    failed, state, hyper, dtype = {}, None, {}, ""
    for number, fields in enumerate(lines, start=1):
        try:
            dtype = fields.get("dtype", dtype)
            state, hyper = check_line(fields, dtype, step, state, hyper, failed)
        except (KeyError, ValueError) as problem:
            raise ValueError(f"{path}, line {number}: {problem}") from None
    for case, (where, ratio, element) in failed.items():
        print(f"{case}: {where}, element {element}: off by {ratio:.3g} tolerances")
    cases = sum(fields["k"] in ("call", "run") for fields in lines)
    print(f"{path}: {cases - len(failed)} of {cases} cases pass, in all formats, vectors {lines[0]['version']}")
    return cases, len(failed)


def check_line(fields, dtype, step, state, hyper, failed):
    """Return the state and the hyper-parameters after a line, and note in `failed` what is off."""
    if fields["k"] in ("call", "run"):
        hyper = {name: bits(fields[name])[0] for name in HYPER if name in fields}
        theta = bits(fields["theta"], dtype)
        state = (theta, [0.0] * len(theta), [0.0] * len(theta), 0)
    if fields["k"] == "call":
        given = (*(bits(fields[name], dtype) for name in ("theta", "grad", "state.m", "state.v")), int(fields["state.t"]))
        for name, got in zip(("new.theta", "new.state.m", "new.state.v"), step(*given, **hyper)):
            note(failed, fields["id"], name, *worst(fields, name, rounded(got, dtype)))
    if fields["k"] == "step" and not state:
        raise ValueError("a step must follow its run")
    if fields["k"] == "step":
        theta = bits(fields["theta"], dtype) if "theta" in fields else state[0]  # where it starts, in formats of fewer bits
        *arrays, t = step(theta, bits(fields["grad"], dtype), *state[1:], **{**hyper, "lr": bits(fields["lr"])[0]})
        state = (*(rounded(array, dtype) for array in arrays), t)
        note(failed, fields["of"], f"step {fields['t']}, theta", *worst(fields, "new.theta", state[0]))
    if fields["k"] == "alt" and fields["of"] in failed and state and worst(fields, "new.theta", state[0])[0] <= 1:
        print(f"{fields['of']} ends where {fields['convention']} does: {fields['words']}")
    return state, hyper


def rounded(numbers, dtype):
    """Return numbers rounded to a format, once: this program computes in float64."""
    if dtype == "float64":
        return numbers
    digits, exponent = STORED[dtype]
    least, mantissa = 2 - 2 ** (exponent - 1), 4 * digits - 1 - exponent
    units = [2.0 ** (max(math.frexp(x)[1] - 1, least) - mantissa) for x in numbers]
    return [round(x / unit) * unit for x, unit in zip(numbers, units)]  # ties to even


def note(failed, case, where, ratio, element):
    """Keep the first failure of a case."""
    if not ratio <= 1:
        failed.setdefault(case, (where, ratio, element))


def serve(step):
    """Answer the protocol on standard input and output, one line for one line."""
    hyper, state = {}, None
    for text in sys.stdin:
        fields = json.loads(text)
        answer = {"id": fields.get("id", "")}
        if fields["cmd"] == "start":
            answer = {"protocol": "trainspec/1", "subject": "adamw.py", "takes": "lr beta1 beta2 eps weight_decay", "resumes": "true"}
        elif fields["cmd"] == "case" and fields["dtype"] != "float64":
            answer["skipped"] = "Python has float64 only"
        elif fields["cmd"] == "case":
            hyper = {name: bits(fields[name])[0] for name in ("beta1", "beta2", "eps", "weight_decay")}
            theta = bits(fields["theta"])
            m, v = (bits(fields.get(name, "0" * len(fields["theta"]))) for name in ("state.m", "state.v"))
            state = (theta, m, v, int(fields.get("t", 0)))
        elif fields["cmd"] == "step":
            state = step(state[0], bits(fields["grad"]), *state[1:], **hyper, lr=bits(fields["lr"])[0])
            shown = {"theta": state[0], "state.m": state[1], "state.v": state[2]}
            answer |= {"t": fields["t"], **{name: struct.pack(f">{len(part)}d", *part).hex() for name, part in shown.items()}}
        else:
            return
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    paths = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    subject = adamw_eps_inside if "--mistake" in sys.argv else adamw
    try:
        failures = [check(path, subject)[1] for path in paths]
    except (OSError, ValueError) as problem:
        print(problem, file=sys.stderr)
        sys.exit(2)
    sys.exit(any(failures) if paths else serve(subject))
