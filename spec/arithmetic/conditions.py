"""What a computation in symbols takes for granted: that no divisor is 0, and that logarithms and roots are of numbers that have them.

Symbols cancel: x (s − 3)/(s − 3) becomes x, and nothing in the result tells that it is not defined where s = 3. So each array of symbols
carries what its computation needed, and while `conditions` is in force, all that is needed is collected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeAlias

import sympy as sp


class Condition(NamedTuple):
    """That an expression is not 0 (≠), is positive (>) or is not negative (≥)."""

    expression: Any
    relation: str

    def __str__(self) -> str:
        return f"{with_plain_indices(str(self.expression))} {self.relation} 0"

    def follows(self) -> bool:
        """Return whether the assumptions on the symbols imply the condition."""
        tests: dict[str, Callable[[Any], bool | None]] = {
            "≠": lambda x: x.is_zero is False or x.is_positive or x.is_negative,
            ">": lambda x: x.is_positive,
            "≥": lambda x: x.is_nonnegative,
        }
        forms = (self.expression, sp.factor_terms(self.expression))
        return any(all(tests[self.relation](factor) for factor in sp.Mul.make_args(form)) for form in forms)


def with_plain_indices(text: str) -> str:
    """Return an expression as text in which the indices that the arithmetic made are i1, i2, … in their order."""
    order = {name: f"i{number}" for number, name in enumerate(dict.fromkeys(re.findall(r"_i\d+", text)), start=1)}
    return re.sub(r"_i\d+", lambda match: order[match.group()], text)


SHOWN = 3  # conditions at most


def in_words(noted: Iterable[Condition], limit: int = 100) -> str:
    """Return the conditions that do not follow from the assumptions as the end of a sentence, "where a ≠ 0"; nothing if all follow."""
    texts = list(dict.fromkeys(str(condition) for condition in noted if not condition.follows()))
    shown = [text if len(text) <= limit else f"{text[:limit]} … {text[-3:]}" for text in texts[:SHOWN]]
    more = f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return f"where {', '.join(shown)}{more}" if texts else ""


NOTED: ContextVar[dict[Condition, None] | None] = ContextVar("NOTED", default=None)


@contextmanager
def conditions() -> Iterator[dict[Condition, None]]:
    """Collect the conditions of all operations on symbols, each once, in the order in which they arise."""
    noted: dict[Condition, None] = {}
    token = NOTED.set(noted)
    try:
        yield noted
    finally:
        NOTED.reset(token)


Noted: TypeAlias = Mapping[Condition, None]


def are_collected() -> bool:
    """Return whether `conditions` is in force."""
    return NOTED.get() is not None


def carried_by(*values: Any) -> dict[Condition, None]:
    """Return what the computation of some values, or of what tuples and lists of them hold, took for granted."""
    noted: dict[Condition, None] = {}
    for value in values:
        noted |= carried_by(*value) if isinstance(value, tuple | list) else getattr(value, "noted", {})
    return noted


def divisors_in(expression: Any) -> dict[Condition, None]:
    """Return what an expression shows itself: that the bases of its negative powers are not 0."""
    powers = (part for part in sp.preorder_traversal(expression) if isinstance(part, sp.Pow) and part.exp.could_extract_minus_sign())
    return {Condition(part.base, "≠"): None for part in powers if not part.base.is_number}


def with_conditions(compute: Callable[..., Any], *operands: Any, **options: Any) -> Any:
    """Return what an operation makes of its operands; it carries what they carry and what the operation needs, which is collected too."""
    outer = NOTED.get()
    with conditions() as noted:
        result = compute(*operands, **options)
    noted = carried_by(operands) | noted
    if outer is not None:
        outer |= {condition: None for condition in noted if condition not in outer}
    if noted and hasattr(result, "noted"):
        result.noted = noted
    return result


def requires(relation: str, operation: Callable[..., Any]) -> Callable[..., Any]:
    """Return an operation that notes the condition on its last operand."""

    def noting(*operands: Any) -> Any:
        if (noted := NOTED.get()) is not None and not operands[-1].is_number:
            noted.setdefault(Condition(operands[-1], relation))
        return operation(*operands)

    return noting


def power(base: Any, exponent: Any) -> Any:
    """Return a power; of a negative exponent, or one of unknown sign, the base must not be 0, of a fraction it must not be negative."""
    if (noted := NOTED.get()) is not None and not base.is_number:
        if not exponent.is_nonnegative:
            noted.setdefault(Condition(base, "≠"))
        if not exponent.is_integer:
            noted.setdefault(Condition(base, "≥"))
    return sp.Pow(base, exponent)
