"""What follows from a domain: values inside it (Hypothesis strategies) and values outside it (with the error that each must raise)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st

from ...reference import Formula
from ...reference.domains import Divides, IndexInto, NotBelow, OneOf, PositiveAlong, PositiveDefinite, StableWith, Symmetric, Varied
from ...reference.validation import SYMBOL, Domain, along, domain_of, domains, in_turn, resolved

SHAPES = [(), (1,), (3,), (2, 2)]


def quiet(examples: int, *, derandomize: bool = True) -> settings:
    """How a counterexample is looked for: shrunk, without a database, a deadline, or advice to whoever wrote the strategy."""
    return settings(
        max_examples=examples,
        derandomize=derandomize,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


@dataclass(frozen=True)
class Cubic:
    """An example of a gradient: slope · x + cubic · x³ − shift, entry by entry."""

    slope: float
    cubic: float
    shift: float

    def __call__(self, x: Any) -> Any:
        """The gradient at x."""
        return self.slope * x + self.cubic * x**3 - self.shift


def magnitudes() -> st.SearchStrategy[float]:
    """Positive numbers that both formats hold: simple fractions first, any float32 of moderate size after."""
    simple = st.integers(1, 64).map(lambda k: k / 16)
    return st.one_of(simple, st.floats(2.0**-6, 2.0**3, width=32))


def numbers(limits: tuple[Any, ...]) -> st.SearchStrategy[float]:
    """Real numbers within limits."""
    bound = {type(one): one for one in limits if not isinstance(one, type)}
    if OneOf in bound:
        return st.sampled_from([float(one) for one in bound[OneOf].numbers])
    if Lt in bound or Le in bound:
        low, high = bound[Gt].gt if Gt in bound else bound[Ge].ge, bound[Lt].lt if Lt in bound else bound[Le].le
        first, last = int(Gt in bound), 15 + int(Le in bound)
        return st.one_of(
            st.integers(first, last).map(lambda k: low + (high - low) * k / 16),
            st.floats(low + first * (high - low) / 64, high, width=32, exclude_max=Lt in bound, allow_subnormal=False),
        )
    if Gt in bound:
        return magnitudes().map(lambda x: bound[Gt].gt + x)
    if Ge in bound:
        return st.one_of(st.just(0.0), magnitudes()).map(lambda x: bound[Ge].ge + x)
    return st.one_of(st.just(0.0), magnitudes(), magnitudes().map(lambda x: -x))


@st.composite
def arguments(draw: Callable[..., Any], given: Mapping[str, Domain]) -> dict[str, Any]:
    """Values for several arguments at once, so that the names in their shapes agree."""
    sizes: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for name, domain in in_turn(given):
        values[name] = drawn(draw, domain, sizes, values)
    return values


def drawn(draw: Callable[..., Any], domain: Domain, sizes: dict[str, Any], others: Mapping[str, Any]) -> Any:
    """One value of a domain."""
    if domain.kind == "state":
        return domain.hint(*(drawn(draw, one, sizes, others) for one in domain.fields.values()))
    if domain.kind == "function":
        return cubic(draw)
    if domain.kind == "functions":
        return tuple(cubic(draw) for _ in range(draw(st.integers(1, 4))))
    if domain.kind == "source":
        return np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if domain.kind == "choice":
        return draw(st.sampled_from(get_args(domain.hint)))
    if domain.kind == "flag":
        return draw(st.booleans())
    if domain.kind == "count":
        return count(draw, domain, others)
    return number(draw, domain, others) if domain.kind == "number" else array(draw, domain, sizes, others)


def count(draw: Callable[..., Any], domain: Domain, others: Mapping[str, Any]) -> Any:
    """A whole number."""
    if wholes := [np.shape(others[one.argument])[one.axis] for one in domain.limits if isinstance(one, Divides)]:
        return draw(st.sampled_from([one for one in range(1, wholes[0] + 1) if wholes[0] % one == 0]))
    floors = [others[one.argument] if isinstance(one, NotBelow) else one.ge for one in domain.limits if not isinstance(one, Le)]
    ceilings: list[Any] = [one.le for one in domain.limits if isinstance(one, Le)]
    return draw(st.integers(max(floors, default=-8), min(ceilings, default=12)))


def number(draw: Callable[..., Any], domain: Domain, others: Mapping[str, Any]) -> Any:
    """A real number."""
    if curved := [others[one.argument] for one in domain.limits if isinstance(one, StableWith)]:
        return 2 / curved[0] * draw(st.integers(1, 15)) / 16
    floors = [others[one.argument] for one in domain.limits if isinstance(one, NotBelow)]
    return max(draw(numbers(domain.limits)), *floors) if floors else draw(numbers(domain.limits))


def array(draw: Callable[..., Any], domain: Domain, sizes: dict[str, Any], others: Mapping[str, Any]) -> Any:
    """An array whose axes have the lengths already drawn for their names."""
    shape: tuple[int, ...] = ()
    for name in domain.hint.dim_str.split():
        if name not in sizes:
            sizes[name] = int(name) if name.isdigit() else draw(st.sampled_from(SHAPES) if name.startswith("*") else st.integers(1, 4))
        shape += sizes[name] if name.startswith("*") else (sizes[name],)
    size = int(np.prod(shape))
    if domain.whole:
        ends = [others[one.argument].shape[one.axis] for one in domain.limits if isinstance(one, IndexInto)]
        return np.array(draw(st.lists(st.integers(0, min(ends) - 1), min_size=size, max_size=size)), dtype=int).reshape(shape)
    flat = draw(st.lists(numbers(domain.limits), min_size=size, max_size=size))
    return fitted(np.array(flat, dtype=float).reshape(shape), domain, others)


def fitted(array: Any, domain: Domain, others: Mapping[str, Any]) -> Any:
    """An array changed so that it has the relations that its domain asks for; the draw is given up where it cannot have them."""
    partners = [others[one.argument] for one in domain.limits if isinstance(one, PositiveAlong)]
    if Symmetric in domain.limits:
        array = array + array.T
        if partners or PositiveDefinite in domain.limits:
            array = array + np.diag(np.sum(np.abs(array), axis=1) + 1)  # diagonally dominant
    if Varied in domain.limits:
        assume(len(array) > 1)
        array[0] += np.max(array, axis=0) == np.min(array, axis=0)
    for partner in partners:
        product = along(array, partner)
        array = array * np.expand_dims(np.sign(product), -1) if array.shape == partner.shape else array
        assume(np.all(along(array, partner) > 0))
    return array


def cubic(draw: Callable[..., Any]) -> Cubic:
    """An example of a gradient."""
    return Cubic(*(draw(numbers(())) for _ in range(3)))


def domains_of(function: Callable[..., Any], names: list[str]) -> dict[str, Domain]:
    """The domains of the named parameters of a function that is annotated as the reference is."""
    hints = resolved(function, function.__module__)
    return {name: domain_of(hints[name]) for name in names}


@dataclass(frozen=True)
class Violation:
    """An argument outside its domain, in an otherwise good call, and the error that it must raise."""

    argument: str
    label: str
    value: Any
    error: type[Exception]


def violations(formula: Formula[..., Any], good: Mapping[str, Any]) -> Iterator[Violation]:
    """Every kind of bad input that the domains of a formula exclude, made from a good call."""
    given = domains(formula.raw)
    axes = [axis for domain in given.values() for axis in axes_of(domain)]
    bound = {axis for axis in axes if axes.count(axis) > 1}
    for name, domain in given.items():
        for label, value, error in outside(domain, good[name], good, bound):
            yield Violation(name, label, value, error)


def axes_of(domain: Domain) -> list[str]:
    """The names of the axes of an array, or of all arrays in a state."""
    if domain.kind == "state":
        return [axis for field in domain.fields.values() for axis in axes_of(field)]
    return domain.hint.dim_str.split() if domain.kind == "array" else []


def outside(domain: Domain, value: Any, good: Mapping[str, Any], bound: set[str]) -> Iterator[tuple[str, Any, type[Exception]]]:
    """What one domain excludes: label, value, error; `bound` names the axes whose length other axes share."""
    yield from [("None", None, TypeError)] * (not domain.optional)
    yield "a string", "0.5", ValueError if domain.kind == "choice" else TypeError
    if domain.kind == "state":
        yield "a bare tuple", tuple(value), TypeError
        for key, field in domain.fields.items():
            for label, bad, error in outside(field, getattr(value, key), good, bound):
                yield f"{key}: {label}", value._replace(**{key: bad}), error
    elif domain.kind == "function":
        yield "a number", 1.0, TypeError
        yield "a function to None", lambda x: None, TypeError
        yield "a function to a longer array", lambda x: np.concatenate([np.ravel(x), np.ravel(x), [1.0]]), ValueError
        yield "a function to NaN", lambda x: x * np.nan, ValueError
    elif domain.kind == "functions":
        yield "a function", value[0], TypeError
        yield "no functions", (), ValueError
        yield "a number in its place", (1.0,), TypeError
        yield "a function to NaN", (lambda x: x * np.nan,), ValueError
    elif domain.kind == "source":
        yield "a seed", 0, TypeError
    elif domain.kind in ("choice", "flag"):
        yield "a number", 1, TypeError
    elif domain.kind == "array":
        yield from outside_arrays(domain, np.asarray(value), good, bound)
    else:
        yield "a truth value", True, TypeError
        yield "a complex number", 1j, TypeError
        yield "an array", np.ones(2), TypeError
        if domain.kind == "count":
            yield "a fraction", 0.5, TypeError
        else:
            yield "NaN", np.nan, ValueError
            yield "−infinity", -np.inf, ValueError
            if not domain.extended:
                yield "infinity", np.inf, ValueError
        yield from beyond(domain, value, good)


def outside_arrays(domain: Domain, value: Any, good: Mapping[str, Any], bound: set[str]) -> Iterator[tuple[str, Any, type[Exception]]]:
    """What the domain of an array excludes."""
    yield "a list", value.tolist() if value.ndim else [float(value)], TypeError
    for dtype in (float if domain.whole else int, complex, bool, object, "U3"):
        yield f"dtype {np.dtype(dtype).name}", np.ones(value.shape, dtype=dtype), TypeError
    axes = axes_of(domain)
    free_rank = any(axis.startswith("*") for axis in axes)
    if not free_rank:
        yield "no entries", np.ones((0,) * value.ndim, dtype=value.dtype), ValueError
    if not free_rank or bound & set(axes):
        yield "an axis too many", np.ones((*value.shape, 1), dtype=value.dtype), ValueError
    for place, axis in enumerate(axes):
        if axis in bound:
            longer = list(value.shape) or [1]
            longer[-1 if free_rank else place] += 1
            yield f"{axis} too long", np.ones(longer, dtype=value.dtype), ValueError
    for number in () if domain.whole else (np.nan, np.inf, -np.inf):
        yield f"{number}", with_entry(value, number), ValueError
    for label, bad, error in beyond(domain, 1.0, {}):
        yield label, with_entry(value, bad), error
    for limit in domain.limits:
        yield from unrelated(limit, value, good)


def unrelated(limit: Any, value: Any, good: Mapping[str, Any]) -> Iterator[tuple[str, Any, type[Exception]]]:
    """Arrays that lack the relation, among their entries or to another argument, that one limit asks for."""
    if limit is PositiveDefinite or isinstance(limit, PositiveAlong):
        yield "the negative", -value, ValueError
    elif limit is Varied:
        yield "a constant column", np.ones(value.shape), ValueError
    elif isinstance(limit, OneOf):
        yield "another number", with_entry(value, sum(limit.numbers) / len(limit.numbers)), ValueError
    elif isinstance(limit, IndexInto):
        yield "an index below 0", with_entry(value, -1), IndexError
        yield "an index too large", with_entry(value, good[limit.argument].shape[limit.axis]), IndexError
    elif limit is Symmetric:
        skew = np.eye(2)
        skew[0, 1] = 1.0
        yield "an asymmetric matrix", skew, ValueError


def with_entry(value: Any, entry: float) -> Any:
    """The array with its last entry replaced."""
    changed = np.array(value)
    changed[(-1,) * changed.ndim] = entry
    return changed


def beyond(domain: Domain, value: Any, good: Mapping[str, Any]) -> Iterator[tuple[str, Any, type[Exception]]]:
    """Values just outside each limit."""
    step = 1 if domain.kind == "count" else 2.0**-20
    for limit in domain.limits:
        if isinstance(limit, NotBelow):
            yield f"below {limit.argument}", good[limit.argument] - step * max(1, abs(good[limit.argument])), ValueError
        elif isinstance(limit, Divides):
            yield "no divisor", np.shape(good[limit.argument])[limit.axis] + 1, ValueError
        elif isinstance(limit, StableWith):
            yield f"2 / {limit.argument}", 2 / good[limit.argument], ValueError
        elif type(limit) in SYMBOL:
            symbol, _, name = SYMBOL[type(limit)]
            bound = getattr(limit, name)
            if symbol in "<>":
                yield f"{bound}", float(bound), ValueError
            side, outwards = ("below", -step) if symbol in ">≥" else ("above", step)
            yield f"{side} {bound}", bound + outwards, ValueError
