"""A program that speaks the protocol and does plain gradient descent, until in step 3 it does what its argument says."""

import json
import struct
import sys
import time


def bits(text):
    return struct.unpack(f">{len(text) // 16}d", bytes.fromhex(text))


def misbehave(kind, answer):
    if kind == "garbage":
        return print("Segmentation fault?", flush=True)
    if kind == "numbers":
        return print('{"id":1,"t":3}', flush=True)
    if kind == "hang":
        return time.sleep(60)
    if kind == "die":
        sys.exit(3)
    if kind == "order":
        return print(json.dumps({**answer, "t": "2"}), flush=True)
    if kind == "other-case":
        return print(json.dumps({**answer, "id": "none"}), flush=True)
    if kind == "flood":
        while True:
            sys.stdout.write("x" * 65536)
    if kind == "twice":
        return print(f"{json.dumps(answer)}\n{json.dumps(answer)}", flush=True)
    if kind == "short":
        return print(json.dumps({**answer, "theta": answer["theta"][:16]}), flush=True)
    if kind == "digits":
        return print(json.dumps({**answer, "theta": "zz" + answer["theta"][2:]}), flush=True)
    if kind == "skip":
        return print(json.dumps({"id": answer["id"], "skipped": "no third step"}), flush=True)
    if kind == "error":
        return print(json.dumps({"id": answer["id"], "errored": "out of registers"}), flush=True)
    return print(json.dumps(answer), flush=True)


def main(kind):
    theta = []
    for text in sys.stdin:
        fields = json.loads(text)
        answer = {"id": fields.get("id", "")}
        if fields["cmd"] == "start":
            answer = {"protocol": "trainspec/9" if kind == "version" else "trainspec/1", "takes": "lr"}
        elif fields["cmd"] == "case":
            theta = bits(fields["theta"])
        elif fields["cmd"] == "step":
            (lr,) = bits(fields["lr"])
            theta = [x - lr * g for x, g in zip(theta, bits(fields["grad"]), strict=True)]
            answer |= {"t": fields["t"], "theta": struct.pack(f">{len(theta)}d", *theta).hex()}
            if fields["t"] == "3":
                misbehave(kind, answer)
                continue
        else:
            return
        print(json.dumps(answer), flush=True)


main(sys.argv[1])
