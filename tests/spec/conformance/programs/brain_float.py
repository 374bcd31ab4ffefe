"""A program with momentum in bfloat16, without any library: it computes in double precision and rounds its state once a step."""

import json
import struct
import sys


def rounded(number):
    """The bits of the bfloat16 number that is nearest, by way of float32; of two the even one."""
    (bits,) = struct.unpack(">I", struct.pack(">f", number))
    return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16


def numbers(text):
    return [struct.unpack(">f", bytes.fromhex(text[k : k + 4] + "0000"))[0] for k in range(0, len(text), 4)]


def scalar(text):
    return struct.unpack(">d", bytes.fromhex(text))[0]


def bits(values):
    return "".join(f"{rounded(value):04x}" for value in values)


for line in sys.stdin:
    fields = json.loads(line)
    answer = {"id": fields.get("id", "")}
    if fields["cmd"] == "stop":
        break
    if fields["cmd"] == "start":
        answer = {"protocol": "trainspec/1", "takes": "lr momentum"}
    elif fields["cmd"] == "case":
        theta, momentum = numbers(fields["theta"]), scalar(fields["momentum"])
        velocity = [0.0] * len(theta)
    else:
        lr = scalar(fields["lr"])
        velocity = [momentum * v + g for v, g in zip(velocity, numbers(fields["grad"]), strict=True)]
        theta = [x - lr * v for x, v in zip(theta, velocity, strict=True)]
        answer |= {"t": fields["t"], "theta": bits(theta), "state.v": bits(velocity)}
        theta, velocity = numbers(answer["theta"]), numbers(answer["state.v"])
    print(json.dumps(answer), flush=True)
