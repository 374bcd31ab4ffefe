"""Hypothesis strategies for the arguments of formulas, made from their domains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

import numpy as np
from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st

from ...reference.limits import Interval, Limit, choices_of, interval_of
from ...reference.validation import Domain, domain_of, in_dependency_order, resolve_annotations
from .values import Cubic, fulfils_relations, with_relations

SHAPES = [(), (1,), (3,), (2, 2)]  # of arrays with any number of axes


def search_settings(examples: int, *, derandomize: bool = True) -> settings:
    """Return settings for searches: counterexamples are shrunk; no example database, no deadline, no health checks."""
    return settings(
        max_examples=examples,
        derandomize=derandomize,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


def parameter_domains(function: Callable[..., Any], names: list[str]) -> dict[str, Domain]:
    """Return the domains of the named parameters of a function that is annotated as the reference is."""
    hints = resolve_annotations(function, function.__module__)
    return {name: domain_of(hints[name]) for name in names}


# --- numbers ------------------------------------------------------------------------------------------------


def magnitudes() -> st.SearchStrategy[float]:
    """Return positive numbers that float32 holds exactly: simple fractions first, then any of moderate size."""
    simple = st.integers(1, 64).map(lambda k: k / 16)
    return st.one_of(simple, st.floats(2.0**-6, 2.0**3, width=32))


def numbers(limits: tuple[Limit, ...]) -> st.SearchStrategy[float]:
    """Return the real numbers of moderate size within limits; those that refer to another argument are left out."""
    if choices := choices_of(limits):
        return st.sampled_from(choices)
    interval = interval_of(limits)
    if np.isinf(interval.low):
        real = st.one_of(st.just(0.0), magnitudes(), magnitudes().map(lambda x: -x))
        return real if np.isinf(interval.high) else real.map(lambda x: interval.high - abs(x))
    if np.isinf(interval.high):
        above = magnitudes() if interval.low_open else st.one_of(st.just(0.0), magnitudes())
        return above.map(lambda x: interval.low + x)
    return numbers_between(interval)


def numbers_between(interval: Interval) -> st.SearchStrategy[float]:
    """Return the numbers of a bounded interval: sixteenths of it first, then any float32."""
    low, high, width = interval.low, interval.high, interval.high - interval.low
    first, last = int(interval.low_open), 16 - int(interval.high_open)
    return st.one_of(
        st.integers(first, last).map(lambda k: low + width * k / 16),
        st.floats(low + first * width / 64, high, width=32, exclude_max=interval.high_open, allow_subnormal=False),
    )


# --- arguments ----------------------------------------------------------------------------------------------


@st.composite
def arguments(draw: Callable[..., Any], stated: Mapping[str, Domain]) -> dict[str, Any]:
    """Return values for several arguments at once, so that the names in their shapes agree and relations between them hold."""
    sizes: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for name, domain in in_dependency_order(stated):
        values[name] = draw_value(draw, domain, sizes, values)
    return values


def draw_value(draw: Callable[..., Any], domain: Domain, sizes: dict[str, Any], others: Mapping[str, Any]) -> Any:
    """Draw one value of a domain, where `sizes` holds the lengths of axes and `others` the arguments that are drawn already."""
    if domain.kind == "state":
        return domain.hint(*(draw_value(draw, field, sizes, others) for field in domain.fields.values()))
    value = with_relations(DRAW[domain.kind](draw, domain, sizes), domain, others)
    assume(fulfils_relations(value, domain, others))
    return value


def draw_array(draw: Callable[..., Any], domain: Domain, sizes: dict[str, Any]) -> Any:
    """Draw an array whose axes have the lengths that are drawn already for their names."""
    shape: tuple[int, ...] = ()
    for name in domain.axes:
        if name not in sizes:
            sizes[name] = int(name) if name.isdigit() else draw(st.sampled_from(SHAPES) if name.startswith("*") else st.integers(1, 4))
        shape += sizes[name] if name.startswith("*") else (sizes[name],)
    size = int(np.prod(shape))
    entries = integers(domain) if domain.whole else numbers(domain.limits)
    return np.array(draw(st.lists(entries, min_size=size, max_size=size)), dtype=int if domain.whole else float).reshape(shape)


def integers(domain: Domain) -> st.SearchStrategy[int]:
    """Return the integers of moderate size in a domain."""
    low, high = domain.interval.low, domain.interval.high
    return st.integers(-8 if np.isinf(low) else int(low), 12 if np.isinf(high) else int(high))


def draw_cubic(draw: Callable[..., Any]) -> Cubic:
    """Draw a function."""
    return Cubic(*(draw(numbers(())) for _ in range(4)))


DRAW: Mapping[str, Callable[..., Any]] = {  # by kind of domain: of the draw function, the domain and the lengths of axes
    "array": draw_array,
    "number": lambda draw, domain, sizes: draw(numbers(domain.limits)),
    "count": lambda draw, domain, sizes: draw(integers(domain)),
    "choice": lambda draw, domain, sizes: draw(st.sampled_from(get_args(domain.hint))),
    "flag": lambda draw, domain, sizes: draw(st.booleans()),
    "function": lambda draw, domain, sizes: draw_cubic(draw),
    "functions": lambda draw, domain, sizes: tuple(draw_cubic(draw) for _ in range(draw(st.integers(1, 4)))),
    "source": lambda draw, domain, sizes: np.random.default_rng(draw(st.integers(0, 2**32 - 1))),
}
