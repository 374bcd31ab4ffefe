"""A program that has the softmax; with `--mistake` it forgets to shift by the maximum."""

import json
import math
import struct
import sys


def softmax(row):
    shift = 0.0 if "--mistake" in sys.argv else max(row)
    weights = [math.exp(x - shift) for x in row]
    return [weight / sum(weights) for weight in weights]


for text in sys.stdin:
    fields = json.loads(text)
    if fields["cmd"] == "stop":
        break
    answer = {"id": fields.get("id", "")}
    if fields["cmd"] == "start":
        answer = {"protocol": "trainspec/1", "formulas": "loss.softmax"}
    else:
        size = 16 if fields["dtype"] == "float64" else 8
        code = "d" if size == 16 else "f"
        values = struct.unpack(f">{len(fields['logits']) // size}{code}", bytes.fromhex(fields["logits"]))
        classes = int(fields["logits.shape"].split()[-1]) if "logits.shape" in fields else len(values)
        try:
            rows = [softmax(values[start : start + classes]) for start in range(0, len(values), classes)] if classes else []
            flat = [x for row in rows for x in row]
            shape = {"out.shape": fields["logits.shape"]} if "logits.shape" in fields else {}
            answer |= {"out": struct.pack(f">{len(flat)}{code}", *flat).hex(), **shape}
        except (OverflowError, ZeroDivisionError) as problem:
            answer["errored"] = str(problem)
    print(json.dumps(answer), flush=True)
