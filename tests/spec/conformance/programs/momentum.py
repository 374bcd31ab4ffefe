"""A program with momentum, which goes on from a saved state; with `--forgets` its velocity is lost then.

With `--asks` it is Nesterov's, which asks for the gradient at the point that it looks ahead to; with `--endless` it never stops asking.
"""

import json
import struct
import sys

ASKS = "--asks" in sys.argv or "--endless" in sys.argv


def numbers(text):
    return struct.unpack(f">{len(text) // 16}d", bytes.fromhex(text))


def bits(values):
    return struct.pack(f">{len(values)}d", *values).hex()


def answer(fields):
    print(json.dumps(fields), flush=True)


def gradient_at(point, same):
    answer({**same, "at": bits(point)})
    return numbers(json.loads(sys.stdin.readline())["grad"])


for line in sys.stdin:
    fields = json.loads(line)
    same = {"id": fields.get("id", "")}
    if fields["cmd"] == "stop":
        break
    if fields["cmd"] == "start":
        answer({"protocol": "trainspec/1", "takes": "lr momentum", "resumes": "true", **({"asks": "gradient"} if ASKS else {})})
    elif fields["cmd"] == "case":
        theta, momentum = numbers(fields["theta"]), numbers(fields["momentum"])[0]
        velocity = [0.0] * len(theta)
        if "state.v" in fields and "--forgets" not in sys.argv:
            velocity = numbers(fields["state.v"])
        answer(same)
    else:
        (lr,) = numbers(fields["lr"])
        same["t"] = fields["t"]
        ahead = [x + momentum * v for x, v in zip(theta, velocity, strict=True)]
        gradient = gradient_at(ahead, same) if ASKS else numbers(fields["grad"])
        while "--endless" in sys.argv:
            gradient = gradient_at(ahead, same)
        velocity = [momentum * v - lr * g for v, g in zip(velocity, gradient, strict=True)]
        theta = [x + v for x, v in zip(theta, velocity, strict=True)]
        answer({**same, "theta": bits(theta), "state.v": bits(velocity)})
