"""Modular: the reference on elements of prime fields at random points, with arrays of sizes that are drawn.

The same claims as on symbols, without a normal form: `symbols`, `tensor` and the like take the place of those of `symbolic` and `tensor`,
and give arrays of terms (see `terms`), which are computed where `draws` puts them. A size is a number here, and an index one of the places
of its axis. Nothing of SymPy is used.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, ClassVar

import numpy as np

from . import terms
from ._numbers import FUNCTIONS, OPERATORS, Numbers, Refused, Table, singular
from .draws import LARGEST, Draw
from .terms import NotApplicable, Term, as_term

DRAW: ContextVar[Draw] = ContextVar("DRAW")


class Modular(Numbers):
    """Arrays of terms."""

    number = staticmethod(as_term)
    table: ClassVar[Table] = {
        **OPERATORS,
        "power": terms.power,
        "floor_divide": terms.divide_whole,
        "square": lambda x: terms.power(x, 2),
        "reciprocal": lambda x: terms.divide(1, x),
        "sqrt": terms.root,
        "exp": terms.exp,
        "log": terms.log,
        "logaddexp": lambda a, b: terms.log(terms.exp(a) + terms.exp(b)),
        "tanh": terms.tanh,
        **{name: lambda x, name=name: terms.apply(name, x) for name in ("arctan", "erf", "sin", "cos")},
        "absolute": terms.absolute,
        "sign": terms.sign,
        "maximum": terms.maximum,
        "minimum": terms.minimum,
        "greater": lambda a, b: terms.less(b, a),
        "greater_equal": lambda a, b: terms.less_equal(b, a),
        "less": terms.less,
        "less_equal": terms.less_equal,
        "equal": lambda a, b: terms.relation("==", a, b),
        "isfinite": lambda x: True,
    }

    def __init__(self, values: Any, axes: Any = None) -> None:
        pass

    def __new__(cls, values: Any, axes: Any = None) -> Any:
        """Return an array of terms; with axes (index, size), …, that of all places of an element."""
        return super().__new__(cls, values) if not axes else spread(as_term(values), axes)

    @staticmethod
    def count(number: Term) -> int | None:
        """Return a whole number: one of which the value is drawn, too."""
        return DRAW.get().whole(number)

    @staticmethod
    def select(condition: Any, yes: Any, no: Any) -> Any:
        """Return one of two by a condition, which may be a relation."""
        return terms.choose(condition, yes, no)

    @classmethod
    def add_up(cls, numbers: list[Any]) -> Any:
        """Return the sum of a list."""
        return terms.add(*numbers)

    @classmethod
    def vetted(cls) -> Mapping[Any, Callable[..., Any]]:
        """Return the supported NumPy functions."""
        return {**FUNCTIONS, np.argmin: argmin, np.sum: total, np.prod: total_product, np.reshape: reshape}

    @classmethod
    def eigvalsh(cls, matrix: Any) -> Any:
        """Return the eigenvalues of a symmetric 2 × 2 matrix, smallest first."""
        if matrix.shape != (2, 2):
            return super().eigvalsh(matrix)
        (a, b), (_, d) = matrix
        middle, gap = (a + d) / 2, terms.root(terms.power((a - d) / 2, 2) + terms.power(b, 2))
        return np.array([middle - gap, middle + gap], dtype=object)

    @classmethod
    def solve(cls, matrix: Any, right: Any) -> Any:
        """Return the solution by Cramer's rule."""
        if len(matrix) > 4:
            raise NotApplicable("a system of more than four equations")
        below = determinant(matrix)
        if DRAW.get().vanishes(below):
            raise singular("solve")
        columns = right.reshape(len(right), -1)
        solution = np.empty(columns.shape, dtype=object)
        for row, column in np.ndindex(columns.shape):
            changed = matrix.copy()
            changed[:, row] = columns[:, column]
            solution[row, column] = terms.divide(determinant(changed), below)
        return solution.reshape(right.shape)

    def __bool__(self) -> bool:
        """Return whether a relation holds at the point that is drawn."""
        if self.ndim:
            raise Refused("a branch on an array: write np.where")
        condition: Any = self.view(np.ndarray)[()]
        return bool(condition) if isinstance(condition, bool) else DRAW.get().truth(condition)

    # --- what arrays of symbolic shape have

    @property
    def T(self) -> Any:  # noqa: N802 - NumPy's name
        """The transpose."""
        return np.transpose(self)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of the axes."""
        return tuple(self.shape)

    @property
    def axes(self) -> tuple[tuple[Any, Any], ...]:
        """The axes, each an index and a size."""
        if not hasattr(self, "_axes"):
            self._axes = tuple((fresh_index(size), size) for size in self.shape)
        return self._axes

    @property
    def element(self) -> Term:
        """The generic element: the one at the indices of `axes`."""
        return self.at(*(index for index, _ in self.axes))

    def at(self, *indices: Any) -> Term:
        """Return the element at indices from 1; None is the only one of an axis of size 1."""
        bare = self.view(np.ndarray)
        if not indices:
            return as_term(bare[()])
        if len(indices) != self.ndim:
            raise NotApplicable("an axis of several indices")
        places = [terms.ONE if index is None else as_term(index) for index in indices]
        DRAW.get().mark_indices(places)
        return terms.pick(bare, places)


def determinant(matrix: Any) -> Term:
    """Return the determinant, by its first row."""
    if len(matrix) == 1:
        return as_term(matrix[0, 0])
    minors = (np.delete(matrix[1:], column, axis=1) for column in range(len(matrix)))
    return terms.add(*(matrix[0, k] * determinant(minor) * (-1) ** k for k, minor in enumerate(minors)))


def reshape(cls: type[Numbers], x: Any, shape: Any) -> Any:
    """np.reshape to sizes of which some are drawn."""
    sizes = [DRAW.get().size(number_of(size)) for size in (shape if isinstance(shape, tuple) else (shape,))]
    return cls.wrap(cls.object_array(x).reshape(sizes))


def reduction(function: Any) -> Callable[..., Any]:
    """Return np.sum or np.prod, of which the reduction over no entries is a number, as no number of steps is allowed."""

    def reduce(cls: type[Numbers], x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
        if 0 in np.shape(x):
            return cls(function(np.zeros(np.shape(x), dtype=int), axis=axis, keepdims=keepdims))
        return FUNCTIONS[function](cls, x, axis, keepdims=keepdims)

    return reduce


total, total_product = reduction(np.sum), reduction(np.prod)


def argmin(cls: type[Numbers], x: Any, axis: int | None = None) -> Any:
    """np.argmin at the point that is drawn."""
    array = cls.object_array(x)
    rows = np.moveaxis(array, axis, -1) if axis is not None else array.reshape(-1)
    places = np.zeros(rows.shape[:-1], dtype=int)
    for at in np.ndindex(places.shape):
        for index in range(1, rows.shape[-1]):
            if DRAW.get().truth(terms.relation("<", rows[at][index], rows[at][places[at]])):
                places[at] = index
    return places[()]


# --- unknowns -------------------------------------------------------------------------------------------------------------------------

_counter = itertools.count()


def fresh_symbol(name: str, **assumptions: bool) -> Term:
    """Return a symbol that no other is equal to."""
    return terms.symbol(f"_{name}{next(_counter)}", assumptions)


def fresh_index(size: int) -> Term:
    """Return an index that occurs nowhere else, of an axis of this size."""
    index = terms.symbol(f"_i{next(_counter)}", {"integer": True, "positive": True})
    DRAW.get().integers[index.data] = DRAW.get().source_for(("index", len(DRAW.get().integers))).randint(1, size)
    return index


def symbols(names: str, *shape: int, **assumptions: bool) -> Any:
    """Return symbols by name, real unless said otherwise, as `symbolic.symbols` does."""
    return terms.arrays_of_symbols(Modular.wrap, names, shape, assumptions)


def sizes_of_axis(size: Any) -> tuple[int, ...]:
    """Return the sizes of the indices of an axis, which has one unless it is given several."""
    return tuple(map(DRAW.get().size, (number_of(part) for part in (size if isinstance(size, tuple) else (size,)))))


def is_single(size: Any) -> bool:
    """Return whether an axis has one entry whatever is drawn, so that it needs no index."""
    return isinstance(size, int) and size == 1


def number_of(value: Any) -> Any:
    """Return a size as a term or an integer."""
    return value.element if isinstance(value, Modular) else value


def tensor(name: str, *sizes: Any, **assumptions: bool) -> Any:
    """Return the array of unknowns of this name; its sizes are drawn. A tuple of sizes makes one axis of several indices."""
    parts = [sizes_of_axis(size) for size in sizes]
    shape = tuple(size for part in parts for size in part)
    if np.prod(shape, dtype=float) > LARGEST:
        raise NotApplicable(f"an array of more than {LARGEST} entries")
    assumptions = {"real": True} | assumptions
    if not shape:
        return Modular.wrap(terms.symbol(name, assumptions))
    array = np.empty(shape, dtype=object)
    single = [is_single(part) for size in sizes for part in (size if isinstance(size, tuple) else (size,))]
    for index in np.ndindex(shape):
        indices = [number + 1 for number, alone in zip(index, single, strict=True) if not alone]
        array[index] = terms.entry(name, assumptions, indices) if indices else terms.symbol(name, assumptions)
    return Modular.wrap(array.reshape([int(np.prod(part)) for part in parts]))


def labels(name: str, *sizes: Any, classes: Any) -> Any:
    """Return drawn integers from 0 to classes − 1 in an array of this shape."""
    shape = tuple(size for part in sizes for size in sizes_of_axis(part))
    (count,) = sizes_of_axis(classes)
    source = DRAW.get().source_for(("labels", name))
    return Modular(np.array([source.randrange(count) for _ in range(int(np.prod(shape)))], dtype=int).reshape(shape))


def function(name: str) -> Any:
    """Return a function of which nothing is known: the same argument gives the same value, entry by entry."""
    return lambda x: Modular.wrap(np.frompyfunc(lambda entry: terms.apply(name, entry), 1, 1)(Modular.object_array(x)))


def partial(scalar: Any, name: str, *indices: Any, **assumptions: bool) -> Term:
    """Return the derivative of a number by one entry of an array."""
    DRAW.get().mark_indices(map(as_term, indices))
    return terms.derivative(scalar.element, terms.entry(name, {"real": True} | assumptions, indices))


def spread(element: Term, axes: Any) -> Any:
    """Return the array of an element at all places of its axes."""
    sizes = [DRAW.get().size(number_of(size)) for _, size in axes]
    if np.prod(sizes, dtype=float) > LARGEST:
        raise NotApplicable(f"an array of more than {LARGEST} entries")
    array = np.empty(sizes, dtype=object)
    for numbers in np.ndindex(array.shape):
        at = {index.data: as_term(k + 1) for (index, _), k in zip(axes, numbers, strict=True) if index is not None}
        array[numbers] = terms.substitute(element, at)
    return Modular.wrap(array)


def kronecker_delta(left: Any, right: Any) -> Term:
    """Return 1 where two indices are equal, else 0."""
    left, right = (terms.ONE if index is None else as_term(index) for index in (left, right))
    DRAW.get().mark_indices([left, right])
    return terms.choose(terms.relation("==", left, right), 1, 0)


def fold(join: Callable[..., Any], element: Any, *limits: Any) -> Term:
    """Return a sum or a product over indices."""
    result = as_term(element)
    for index, low, high in limits:
        bound = fresh_symbol("k", integer=True, positive=True)
        ends = (as_term(number_of(end)) for end in (low, high))
        result = Term("fold", (terms.substitute(result, {as_term(index).data: bound}), *ends), (bound.data, join))
    return result
