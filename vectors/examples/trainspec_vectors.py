"""Read trainspec's vectors and check a subject against them. Needs the standard library only; copy it where you need it."""

import hashlib
import json
import math
import struct
from pathlib import Path

LARGEST_FILE, LARGEST_LINE = 256_000, 64_000  # bytes
FORMATS = {"trainspec-vectors/1"}


class BadVectors(ValueError):
    """A file is not what it should be; the message names the file and the line."""


def read_lines(path, sha256=None):
    """Return the lines of a file as dictionaries of strings, the head first; BadVectors names the line that is wrong."""
    path = Path(path)
    if path.stat().st_size > LARGEST_FILE:
        raise BadVectors(f"{path}: larger than {LARGEST_FILE} bytes")
    data = path.read_bytes()
    lines = []
    for number, text in enumerate(data.decode("ascii", "replace").split("\n")[:-1], start=1):
        try:
            fields = json.loads(text) if len(text) <= LARGEST_LINE else None
        except ValueError:
            fields = None
        if not isinstance(fields, dict) or "k" not in fields or not all(isinstance(value, str) for value in fields.values()):
            raise BadVectors(f"{path}, line {number}: must be a JSON object of strings of at most {LARGEST_LINE} bytes, with a key k")
        lines.append(fields)
    check_order(path, lines, whole=data.endswith(b"\n"))
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        raise BadVectors(f"{path}: the digest is not the manifest's: another version, or changed")
    return lines


def check_order(path, lines, whole):
    """Raise BadVectors unless a file has a known head, its end at the end, and every step after its run."""
    if not lines or lines[0]["k"] != "suite":
        raise BadVectors(f"{path}, line 1: must be the line of the suite")
    if lines[0].get("format") not in FORMATS:
        raise BadVectors(f"{path}, line 1: format must be {' or '.join(FORMATS)}, got {lines[0].get('format')!r}")
    last = lines[-1]
    if not whole or last["k"] != "end" or last.get("lines") != str(len(lines)):
        raise BadVectors(f"{path}, line {len(lines)}: the file is cut off: its end must say {len(lines)} lines")
    run, count = None, 0
    for number, fields in enumerate(lines, start=1):
        if fields["k"] == "run":
            run, count = fields["id"], 0
        if fields["k"] == "step":
            count += 1
            if fields["of"] != run or fields["t"] != str(count):
                raise BadVectors(f"{path}, line {number}: step {fields['t']} of {fields['of']} must be step {count} of {run}")


def bits(text, width=16):
    """Return the numbers of a string of bits: 16 hexadecimal digits for a float64, 8 for a float32."""
    return list(struct.unpack(f">{len(text) // width}{'d' if width == 16 else 'f'}", bytes.fromhex(text)))


def value(fields, name, kind):
    """Return an argument: numbers and whole numbers as they are, arrays as flat lists; None where it is left out."""
    if kind in ("cubic", "cubics"):
        parts = [bits(fields[f"{name}.{part}"]) for part in ("slope", "cubic", "shift")]
        return list(zip(*parts)) if kind == "cubics" else tuple(part[0] for part in parts)
    text = fields.get(name)
    if text is None or kind == "word":
        return text
    if kind == "array":
        return bits(text, 16 if fields["dtype"] == "float64" else 8)
    if kind == "indices":
        return [int(part) for part in text.split()]
    return bits(text)[0] if kind == "number" else text == "true" if kind == "flag" else int(text)


def shape(fields, name, length):
    """Return the shape of an array of so many elements: one axis unless the line says otherwise."""
    text = fields.get(f"{name}.shape")
    return (length,) if text is None else tuple(int(part) for part in text.split())


def worst(fields, name, got):
    """Return by how many tolerances a flat list of numbers is off, and the element; infinity where the length is another."""
    if f"{name}.tol" not in fields:
        due = [int(part) for part in fields[name].split()]
        return (0.0, 0) if list(got) == due else (math.inf, 0)
    hi, tol = bits(fields[name]), bits(fields[f"{name}.tol"])
    lo = bits(fields[f"{name}.lo"]) if f"{name}.lo" in fields else [0.0] * len(hi)
    if len(got) != len(hi):
        return math.inf, 0
    off = [abs((float(x) - a) - b) for x, a, b in zip(got, hi, lo)]
    limits = tol * len(hi) if len(tol) == 1 else tol
    ratios = [0.0 if e <= t else e / t if t and not math.isnan(e) else math.inf for e, t in zip(off, limits)]
    return max(((ratio, index) for index, ratio in enumerate(ratios)), default=(0.0, 0))


def kinds(text):
    """Return the kinds of the arguments or results that a head names, by name."""
    return dict(part.split(":") for part in text.split())
