"""Canonical lines: one flat JSON object each, ASCII, every value a string, without spaces outside of values and without escapes.

A tensor is a string: its elements in row-major order, each as the big-endian bits of its format in hexadecimal digits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import numpy as np

FORMAT = "trainspec-vectors/1"  # the number is the reader's contract
VERSION = "2026.12.0"  # of the data
WIDTHS: Mapping[str, int] = {  # hexadecimal digits of an element, by dtype
    "float64": 16, "float32": 8, "float16": 4, "bfloat16": 4, "float8_e4m3fn": 2, "float8_e5m2": 2,
}  # fmt: skip
SPELLINGS = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "eps", "η": "eta", "θ": "theta", "λ": "lambda", "μ": "mu", "π": "pi",
    "ρ": "rho", "σ": "sigma", "τ": "tau", "ν": "nu", "Δ": "Delta", "∇": "grad ", "√": "sqrt", "−": "-", "–": "-", "→": "->", "×": "*",
    "·": "*", "≤": "<=", "≥": ">=", "∞": "infinity", "ᵗ": "^t", "²": "^2", "₁": "1", "₂": "2", "₃": "3", "ₜ": "_t", "Σ": "sum ",
    "‖": "|", "∈": "in", "…": "...", "̂": "^", "⌊": "floor(", "⌋": ")", "é": "e", "è": "e", "ö": "o",
    "ᵀ": "^T", "±": "+-", "ⱼ": "_j", "ₖ": "_k", "“": "'", "”": "'", '"': "'",
}  # fmt: skip
PLAIN = re.compile(r"[ !#-\[\]-~]*")  # printable ASCII but for the quote and the backslash


def line(fields: Mapping[str, str]) -> str:
    """Return one canonical line; ValueError for a text that would need an escape."""
    for text in (*fields, *fields.values()):
        if not PLAIN.fullmatch(text):
            raise ValueError(f"a vector holds printable ASCII without quotes and backslashes, got {text!r}")
    return "{" + ",".join(f'"{name}":"{text}"' for name, text in fields.items()) + "}"


def bits(values: Any, dtype: Any) -> str:
    """Return the elements of an array in a format, as hexadecimal digits."""
    array = np.ascontiguousarray(np.asarray(values).astype(np.dtype(dtype)))
    return array.view(whole_numbers(dtype)).astype(whole_numbers(dtype).newbyteorder(">")).tobytes().hex()


def whole_numbers(dtype: Any) -> Any:
    """Return the dtype of unsigned integers as wide as a format, whose bits they hold."""
    return np.dtype(f"u{np.dtype(dtype).itemsize}")


def plain_words(text: str) -> str:
    """Return a text in ASCII: letters of other alphabets and signs are spelled out, and it is one line."""
    return "".join(map(spell, " ".join(text.split())))


def spell(letter: str) -> str:
    """Return a letter in ASCII: as the table has it, without its accent, or by the last word of its name."""
    if letter in SPELLINGS or PLAIN.fullmatch(letter):
        return SPELLINGS.get(letter, letter)
    bare = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    return bare if bare and PLAIN.fullmatch(bare) else unicodedata.name(letter, "sign").split()[-1].lower()


def array_of(text: str, dtype: Any) -> Any:
    """Return the elements of a string of bits, as an array of one axis; ValueError where it is none."""
    numbers = whole_numbers(dtype)
    return np.frombuffer(bytes.fromhex(text), numbers.newbyteorder(">")).astype(numbers).view(np.dtype(dtype))
