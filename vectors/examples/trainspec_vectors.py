"""Read trainspec's vectors and compare results with them. Needs the standard library only; copy it where you need it."""

import hashlib
import math
import re
import struct

# --- the reader ---
LARGEST_FILE, LARGEST_LINE = 256_000, 64_000  # bytes
PAIR = r'"([ !#-\[\]-~]*)":"([ !#-\[\]-~]*)"'
LINE = re.compile(rf'\{{"k":"[a-z]+"(,{PAIR})*\}}')
FORMATS = {  # the hexadecimal digits of an element, those of a wider format that begins with the same bits, and its code in `struct`
    "float64": (16, 16, "d"), "float32": (8, 8, "f"), "bfloat16": (4, 8, "f"),
    "float16": (4, 4, "e"), "float8_e5m2": (2, 4, "e"), "float8_e4m3fn": (2, 2, "B"),
}  # fmt: skip


class BadVectors(ValueError):
    """A file is not what it should be; the message names the file and the line."""


def read_lines(path, sha256=None):
    """Return the lines of a file as dictionaries of strings, the head first; BadVectors names the line that is wrong."""
    with open(path, "rb") as file:
        data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise BadVectors(f"{path}: larger than {LARGEST_FILE} bytes")
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        raise BadVectors(f"{path}: the digest is not the manifest's: another version, or changed")
    texts, lines, steps = data.decode("latin1").split("\n"), [], 0
    for number, text in enumerate(texts, start=1):
        pairs = re.findall(PAIR, text) if len(text) <= LARGEST_LINE and LINE.fullmatch(text) else []
        fields = dict(pairs)
        steps = steps + 1 if fields.get("k") == "step" else 0
        if lines and lines[-1]["k"] == "end" and number == len(texts) and not text:
            return lines
        if not pairs or len(pairs) != len(fields):
            raise BadVectors(f"{path}, line {number}: must be an object of strings of at most {LARGEST_LINE} bytes, each key once")
        if number == 1 and fields.get("format") != "trainspec-vectors/1":
            raise BadVectors(f"{path}, line 1: format must be trainspec-vectors/1, got {fields.get('format')!r}")
        if (steps and fields.get("t") != str(steps)) or (fields["k"] == "end" and fields.get("lines") != str(number)):
            raise BadVectors(f"{path}, line {number}: lines before it are missing, or in another order")
        lines.append(fields)
    raise BadVectors(f"{path}, line {number}: the file is cut off: it must end by a line of kind end")


def bits(text, dtype="float64"):
    """Return the numbers of a string of bits; ValueError where it is none of the format."""
    width, wide, code = FORMATS[dtype]
    if not re.fullmatch(f"([0-9a-f]{{{width}}})*", text):
        raise ValueError(f"must have {width} hexadecimal digits for each {dtype}, got {text[:40]!r}")
    parts = [text[at : at + width].ljust(wide, "0") for at in range(0, len(text), width)]
    numbers = list(struct.unpack(f">{len(parts)}{code}", bytes.fromhex("".join(parts))))
    if code == "B":  # the bits of a float16 that is 256 times smaller, but for NaN
        halves = [struct.pack(">H", (byte & 128) << 8 | (byte & 127) << 7) for byte in numbers]
        return [math.nan if byte & 127 == 127 else 256 * struct.unpack(">e", half)[0] for byte, half in zip(numbers, halves)]
    return numbers


# --- the comparison ---


def with_signs_of(due, got, count):
    """Return a matrix of so many columns as a flat list, a column times -1 where its product with the one that is due is below 0."""
    turned = [sum(a * float(x) for a, x in zip(due[column::count], got[column::count])) < 0 for column in range(count)]
    return [-float(x) if turned[index % count] else x for index, x in enumerate(got)]


def worst(fields, name, got):
    """Return by how many tolerances a flat list of numbers is off, and the element; infinity where the length is another."""
    if f"{name}.tol" not in fields:
        due = [int(part) for part in fields[name].split()]
        return (0.0, 0) if list(got) == due else (math.inf, 0)
    hi, tol = bits(fields[name]), bits(fields[f"{name}.tol"])
    lo = bits(fields[f"{name}.lo"]) if f"{name}.lo" in fields else [0.0] * len(hi)
    if len(got) != len(hi) or len(tol) not in (1, len(hi)):
        return math.inf, 0
    if f"{name}.signs" in fields:
        got = with_signs_of(hi, got, int(fields[f"{name}.shape"].split()[1]))
    off = [abs((float(x) - a) - b) for x, a, b in zip(got, hi, lo)]
    limits = tol * len(hi) if len(tol) == 1 else tol
    ratios = [0.0 if e <= t else e / t if t and not math.isnan(e) else math.inf for e, t in zip(off, limits)]
    return max(((ratio, index) for index, ratio in enumerate(ratios)), default=(0.0, 0))
