"""Cast orders: where a program that computes in float32 rounds to the narrow format of its arrays on the way.

A cast order is a change of the formula by a function `rounded`. In every arithmetic it gives the very number of the format; a case in which
the errors of float32 leave that open is left out. So orders that differ anywhere are thousands of bounds apart.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ....reference import Formula
from ....reference.syntax import compile_function
from ...arithmetic.formats import Format
from ...changes.function import function_program, namespace_of
from ...changes.rules import Rule, apply
from .bounds import ALLOWED
from .variants import Variant


class CastOrder(NamedTuple):
    """A cast order of a formula: its name, where it is used, and the rule that makes it."""

    formula: str
    label: str
    words: str
    rule: Rule


LAST = "with one cast, the last, as in OLMo 2, gpt-oss and torch.nn.RMSNorm"
NORMALIZED = "with the normalized input cast before the weight, as in Llama, Mistral, Qwen and T5"
ROOT = "with the reciprocal root cast, and the normalized input cast before the weight"
CAST_ORDERS = (
    CastOrder("norm.rms", "cast-last", LAST, {"replace": {"gamma * x / A": "rounded(gamma * x / A)"}}),
    CastOrder("norm.rms", "cast-normalized", NORMALIZED, {"replace": {"gamma * x / A": "rounded(gamma * rounded(x / A))"}}),
    CastOrder("norm.rms", "cast-root", ROOT, {"replace": {"gamma * x / A": "rounded(gamma * rounded(x * rounded(1 / A)))"}}),
    CastOrder(
        "norm.rms.unit_offset",
        "cast-last",
        "with one cast, the last, as in Gemma",
        {"replace": {"(1 + weight) * x / A": "rounded((1 + weight) * x / A)"}},
    ),
    CastOrder(
        "norm.rms.unit_offset",
        "cast-normalized",
        "with the normalized input and the scale cast before their product",
        {"replace": {"(1 + weight) * x / A": "rounded(rounded(1 + weight) * rounded(x / A))"}},
    ),
)


def cast_orders(formula: Formula[..., Any], form: Format) -> Iterator[Variant]:
    """Yield the cast orders of a formula in a narrow format."""
    for order in CAST_ORDERS:
        if order.formula == formula.id:
            axes = {"cast": order.label.removeprefix("cast-")}
            yield Variant(formula.id, order.label, order.words, partial(cast_function, order, form), axes=axes, right=True)


def cast_function(order: CastOrder, form: Format) -> Callable[..., Any]:
    """Return the function of a cast order in a format."""
    program = apply(function_program(order.formula), [order.rule], {})
    return compile_function(program.tree, {**namespace_of(order.formula), "rounded": partial(rounded_to, form)})


def rounded_to(form: Format, values: Any) -> Any:
    """Return numbers of any arithmetic rounded to a format; Refused where their errors leave open to which number of it."""
    from ...arithmetic import Ball, Refused, Running
    from ...arithmetic.running import Bounded

    if not isinstance(values, Ball | Running):
        return form.round(values)
    entries = type(values).object_array(values)
    if isinstance(values, Ball):
        parts = [lambda ball: float(ball.mid()), lambda ball: float(ball.rad())]
    else:
        parts = [operator.attrgetter("value"), lambda pair: ALLOWED * pair.error]
    middle, radius = (np.asarray(np.frompyfunc(part, 1, 1)(entries), dtype=float) for part in parts)
    radius = radius + 2.0**-23 * np.abs(middle)  # a cast may go by way of float32
    result = form.round(middle)
    if not np.array_equal(form.round(middle - radius), form.round(middle + radius)):
        raise Refused(f"rounding to {form.name} is not decided")
    return Ball(result) if isinstance(values, Ball) else Running.wrap(np.frompyfunc(lambda number: Bounded(number, 0.0), 1, 1)(result))
