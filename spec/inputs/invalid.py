"""Invalid arguments, made from the domains of a formula and a valid call: every kind of bad input, and the error that it must raise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...reference import Formula
from ...reference.limits import replace_entry
from ...reference.validation import Domain, domains

SMALL = 2.0**-20  # how far beyond a bound a number lies

Violations = Iterator[tuple[str, Any, type[Exception]]]  # label, value, error


@dataclass(frozen=True)
class InvalidArgument:
    """An argument outside its domain, for an otherwise valid call, and the error that it must raise."""

    argument: str
    label: str
    value: Any
    error: type[Exception]


def invalid_arguments(formula: Formula[..., Any], valid: Mapping[str, Any]) -> Iterator[InvalidArgument]:
    """Yield every kind of bad input that the domains of a formula exclude, made from the arguments of a valid call."""
    stated = domains(formula.raw)
    axes = [axis for domain in stated.values() for axis in domain.axes]
    shared = {axis for axis in axes if axes.count(axis) > 1}
    for name, domain in stated.items():
        for label, value, error in invalid_values(domain, valid[name], valid, shared):
            yield InvalidArgument(name, label, value, error)


def invalid_values(domain: Domain, value: Any, valid: Mapping[str, Any], shared: set[str]) -> Violations:
    """Yield what one domain excludes; `shared` are the axes whose length other axes share."""
    yield from [("None", None, TypeError)] * (not domain.optional)
    yield "a string", "0.5", ValueError if domain.kind == "choice" else TypeError
    if domain.kind == "state":
        yield from invalid_states(domain, value, valid, shared)
    elif domain.kind == "array":
        yield from invalid_arrays(domain, np.asarray(value), shared)
    elif domain.kind in ("number", "count"):
        yield from invalid_numbers(domain)
    else:
        yield from OTHER_KINDS[domain.kind]
    if domain.kind in ("array", "number", "count"):
        yield from out_of_range(domain, value if domain.kind != "array" else np.asarray(value), valid)


def out_of_range(domain: Domain, value: Any, valid: Mapping[str, Any]) -> Violations:
    """Yield values that violate each of the limits."""
    for limit in domain.limits:
        for label, bad in limit.violations(value, valid, 1 if domain.kind == "count" else SMALL):
            yield label, bad, limit.error


def invalid_states(domain: Domain, value: Any, valid: Mapping[str, Any], shared: set[str]) -> Violations:
    """Yield states with one invalid field, and what is no state."""
    yield "a bare tuple", tuple(value), TypeError
    for name, field in domain.fields.items():
        for label, bad, error in invalid_values(field, getattr(value, name), valid, shared):
            yield f"{name}: {label}", value._replace(**{name: bad}), error


def invalid_arrays(domain: Domain, value: Any, shared: set[str]) -> Violations:
    """Yield arrays of a wrong type, shape or dtype, and such that are not finite."""
    yield "a list", value.tolist() if value.ndim else [float(value)], TypeError
    for dtype in (float if domain.whole else int, complex, bool, object, "U3"):
        yield f"dtype {np.dtype(dtype).name}", np.ones(value.shape, dtype=dtype), TypeError
    any_rank = any(axis.startswith("*") for axis in domain.axes)
    if not any_rank and value.ndim:
        yield "no entries", np.ones((0,) * value.ndim, dtype=value.dtype), ValueError
    if not any_rank or shared & set(domain.axes):
        yield "an axis too many", np.ones((*value.shape, 1), dtype=value.dtype), ValueError
    for index, axis in enumerate(domain.axes):
        if axis in shared:
            longer = list(value.shape) or [1]
            longer[-1 if any_rank else index] += 1
            yield f"{axis} too long", np.ones(longer, dtype=value.dtype), ValueError
    for number in () if domain.whole else (np.nan, np.inf, -np.inf):
        yield f"{number}", replace_entry(value, number), ValueError


def invalid_numbers(domain: Domain) -> Violations:
    """Yield what is no number of this kind, or not finite."""
    yield "a truth value", True, TypeError
    yield "a complex number", 1j, TypeError
    yield "an array", np.ones(2), TypeError
    if domain.kind == "count":
        yield "a fraction", 0.5, TypeError
        return
    yield "NaN", np.nan, ValueError
    yield "−infinity", -np.inf, ValueError
    if not domain.extended:
        yield "infinity", np.inf, ValueError


OTHER_KINDS: Mapping[str, list[tuple[str, Any, type[Exception]]]] = {
    "function": [
        ("a number", 1.0, TypeError),
        ("a function to None", lambda x: None, TypeError),
        ("a function to a longer array", lambda x: np.concatenate([np.ravel(x), np.ravel(x), [1.0]]), ValueError),
        ("a function to NaN", lambda x: x * np.nan, ValueError),
    ],
    "functions": [
        ("a function", np.negative, TypeError),
        ("no functions", (), ValueError),
        ("a number in its place", (1.0,), TypeError),
        ("a function to NaN", (lambda x: x * np.nan,), ValueError),
    ],
    "source": [("a seed", 0, TypeError)],
    "choice": [("a number", 1, TypeError)],
    "flag": [("a number", 1, TypeError)],
}
