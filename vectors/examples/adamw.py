"""Check an AdamW against its vectors, in plain Python: `python adamw.py ../optimizers.adamw.jsonl`. Put your own step in its place.

Without a file it answers the protocol: `trainspec check --command "python adamw.py"`.

With `--mistake` the step adds eps inside the root: the report says which convention that is.
"""

import json
import math
import struct
import sys

from trainspec_vectors import bits, kinds, read_lines, value, worst


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


def check(path, step):
    """Check a step against all float64 vectors of a file; print what is off and return the numbers of cases and of failures."""
    lines = read_lines(path)
    arguments, results = kinds(lines[0]["arguments"]), kinds(lines[0]["results"])
    names = [name for name in arguments if name not in ("theta", "grad", "state.m", "state.v", "state.t")]
    cases, failed, state, hyper = 0, {}, None, {}
    for fields in lines:
        if fields["k"] in ("call", "run"):
            if fields["dtype"] != "float64":
                state = None
                continue
            cases += 1
            hyper = {name: value(fields, name, arguments[name]) for name in names if name in fields}
            theta = value(fields, "theta", "array")
            state = (theta, [0.0] * len(theta), [0.0] * len(theta), 0)
        if fields["k"] == "call":
            given = [value(fields, name, arguments[name]) for name in ("theta", "grad", "state.m", "state.v", "state.t")]
            for name, got in zip(results, step(*given, **hyper)):
                note(failed, fields["id"], f"{name}", *worst(fields, name, got if isinstance(got, list) else [got]))
        if fields["k"] == "step" and state:
            state = step(state[0], bits(fields["grad"]), *state[1:], **{**hyper, "lr": bits(fields["lr"])[0]})
            note(failed, fields["of"], f"step {fields['t']}, theta", *worst(fields, "new.theta", state[0]))
        if fields["k"] == "alt" and fields["of"] in failed and state and worst(fields, "new.theta", state[0])[0] <= 1:
            print(f"{fields['of']} ends where {fields['convention']} does: {fields['words']}")
    for case, (where, ratio, element) in failed.items():
        print(f"{case}: {where}, element {element}: off by {ratio:.3g} tolerances")
    print(f"{path}: {cases - len(failed)} of {cases} cases pass in float64, vectors {lines[0]['version']}")
    return cases, len(failed)


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
    failures = [check(path, subject)[1] for path in paths]
    sys.exit(any(failures) if paths else serve(subject))
