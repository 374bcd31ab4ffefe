"""Arrays of symbolic shape: the reference, unchanged, in index notation.

tensor("x", m, k) has the generic element x[i, j], 1 ≤ i ≤ m, 1 ≤ j ≤ k; np.sum is Σ, @ is a contraction, and a derivative by one entry
brings Kronecker deltas, which `prover.normal` contracts. What is proven of the generic element holds for every shape.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import sympy as sp
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ._numbers import Refused, Table
from .symbolic import Symbolic, exact

_counter = itertools.count()

SHIFT = "shift"  # the name of the arbitrary numbers that stand for maxima

Axis = tuple[Any, Any]  # (index symbol, size), or (None, 1)


def fresh() -> Any:
    """An index that occurs nowhere else."""
    return sp.Dummy(f"i{next(_counter)}", integer=True, positive=True)


def size_of(value: Any) -> Any:
    """A size as a SymPy integer."""
    return exact(value if not isinstance(value, Tensor) else value.element)


class Tensor(np.lib.mixins.NDArrayOperatorsMixin):
    """The generic element of an array, and its axes; without axes, a number."""

    table: ClassVar[Table] = {**Symbolic.table, "sqrt": sp.sqrt}  # the prover brings radicands that hold sums to normal form

    def __init__(self, element: Any, axes: tuple[Axis, ...] = ()) -> None:
        self.element = exact(element)
        self.axes = tuple(axes)

    @property
    def shape(self) -> tuple[Any, ...]:
        """The sizes, symbols or integers."""
        return tuple(size for _, size in self.axes)

    @property
    def T(self) -> Tensor:  # noqa: N802 - NumPy's name
        """The transpose."""
        return Tensor(self.element, self.axes[::-1])

    def at(self, *indices: Any) -> Any:
        """The element at these indices."""
        pairs = [(i, new) for (i, _), new in zip(self.axes, indices, strict=True) if i is not None]
        return self.element.subs(pairs, simultaneous=True)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """One ufunc on the generic elements, after broadcasting."""
        if method != "__call__" or options:
            raise Refused(f"np.{ufunc.__name__}.{method} is not vetted on Tensor; use np.sum and the like")
        args = [as_tensor(one) for one in inputs]
        if ufunc is np.matmul:
            return matmul(*args)
        if ufunc.__name__ not in self.table:
            raise Refused(f"np.{ufunc.__name__} is not vetted on Tensor")
        axes = broadcast(*args)
        elements = [one.at(*(i for i, _ in axes[len(axes) - len(one.axes) :])) for one in args]
        result = self.table[ufunc.__name__](*elements)
        return Tensor(result, axes) if not isinstance(result, bool) else result

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """One NumPy function, if it is vetted."""
        if function not in FUNCTIONS:
            raise Refused(f"np.{function.__name__} is not vetted on Tensor")
        return FUNCTIONS[function](*args, **kwargs)

    def __bool__(self) -> bool:
        raise Refused("a branch on Tensor numbers: write np.where")

    def __repr__(self) -> str:
        return f"Tensor({self.element}, shape={self.shape})"


def as_tensor(value: Any) -> Tensor:
    """A tensor, or a number as one."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, np.ndarray) and value.ndim:
        raise Refused("an array of concrete shape does not mix with tensors")
    return Tensor(exact(value))


def tensor(name: str, *sizes: Any, **assumptions: bool) -> Tensor:
    """The array of this name and shape; its entries are real unless said otherwise."""
    axes = tuple((None, 1) if size == 1 else (fresh(), size_of(size)) for size in sizes)
    indices = tuple(i for i, _ in axes if i is not None)
    assumptions = {"real": True} | assumptions
    return Tensor(sp.IndexedBase(name, **assumptions)[indices] if indices else sp.Symbol(name, **assumptions), axes)


class Label(sp.Function):
    """Any map from indices to 1 … size: Label(name, index, …, size). Nothing else is known of its values."""

    is_integer = True
    is_positive = True


def labels(name: str, *sizes: Any, classes: Any) -> Tensor:
    """Integers from 0 to classes − 1, whichever they are, in an array of this shape."""
    axes = tuple((None, 1) if size == 1 else (fresh(), size_of(size)) for size in sizes)
    return Tensor(Label(sp.Symbol(name), *(i for i, _ in axes if i is not None), size_of(classes)) - 1, axes)


def same(a: Any, b: Any) -> Any:
    """1 where two integers are equal, 0 elsewhere; what is added to the second is taken to the first, so that sums find its index."""
    added = b.as_coeff_Add()[0]
    return sp.KroneckerDelta(a - added, b - added)


def broadcast(*args: Tensor) -> tuple[Axis, ...]:
    """The common axes, from the right, with fresh indices."""
    axes: list[Axis] = []
    for aligned in itertools.zip_longest(*(one.axes[::-1] for one in args), fillvalue=(None, 1)):
        sizes = {size for _, size in aligned} - {1}
        if len(sizes) > 1:
            raise ValueError(f"shapes {' and '.join(str(one.shape) for one in args)} do not broadcast")
        axes.insert(0, (fresh(), sizes.pop()) if sizes else (None, 1))
    return tuple(axes)


def matmul(left: Tensor, right: Tensor) -> Tensor:
    """A contraction of the last axis with the first or last but one."""
    if not {len(left.axes), len(right.axes)} <= {1, 2}:
        raise Refused(f"np.matmul on Tensor takes one or two axes, not {len(left.axes)} and {len(right.axes)}")
    inner, size = fresh(), left.shape[-1]
    if size != right.shape[0]:
        raise ValueError(f"matmul: shapes {left.shape} and {right.shape} do not fit")
    outer = [(old and fresh(), length) for old, length in left.axes[:-1] + right.axes[1:]]
    rows, columns = outer[: len(left.axes) - 1], outer[len(left.axes) - 1 :]
    product = left.at(*(i for i, _ in rows), inner) * right.at(inner, *(i for i, _ in columns))
    return Tensor(sp.Sum(product, (inner, 1, size)), tuple(outer))


def total(x: Any, axis: Any = None, *, keepdims: bool = False) -> Tensor:
    """np.sum: a Σ for each axis."""
    x = as_tensor(x)
    axes, element = list(x.axes), x.element
    chosen = range(len(axes)) if axis is None else normalize_axis_tuple(axis, len(axes))
    for a in sorted(chosen, reverse=True):
        index, size = axes[a]
        bound = fresh()
        element = sp.Sum(element.subs(index, bound), (bound, 1, size)) if index is not None else element
        axes[a : a + 1] = [(None, 1)] if keepdims else []
    return Tensor(element, tuple(axes))


def product(x: Tensor) -> Tensor:
    """np.prod over the one axis there is."""
    if len(x.axes) != 1:
        raise Refused("np.prod of a tensor takes one axis")
    ((index, size),) = x.axes
    bound = fresh()
    return Tensor(sp.Product(x.element.subs(index, bound), (bound, 1, size)) if index is not None else x.element)


def outer(left: Any, right: Any) -> Tensor:
    """np.linalg.outer of two vectors."""
    return expand_dims(as_tensor(left), 1) * as_tensor(right)


def mean(x: Tensor, axis: Any = None, *, keepdims: bool = False) -> Tensor:
    """np.mean: the sum over the number of its terms."""
    kept = total(x, axis, keepdims=keepdims)
    return kept / Tensor(sp.prod(x.shape) / sp.prod(kept.shape))


def arbitrary(x: Tensor, axis: int, *, keepdims: bool = False) -> Tensor:
    """np.max, modelled as any number at all: a formula may use a maximum as a shift only, and must not depend on it.

    Whoever proves something of the result owes a second proof, that its derivative by the shift is 0; `prover.shifts` finds them.
    """
    axes, place = list(x.axes), normalize_axis_index(axis, len(x.axes))
    axes[place : place + 1] = [(None, 1)] if keepdims else []
    indices = tuple(i for i, _ in axes if i is not None)
    name = f"{SHIFT}{next(_counter)}"
    return Tensor(sp.IndexedBase(name, real=True)[indices] if indices else sp.Symbol(name, real=True), tuple(axes))


def cumsum(x: Tensor, axis: int | None = None) -> Tensor:
    """np.cumsum along the only axis, or the one named: a Σ over the whole axis of what stands no later, so that deltas may contract it."""
    if axis is None and len(x.axes) != 1:
        raise Refused("np.cumsum of a tensor of several axes needs an axis")
    index, size = x.axes[normalize_axis_index(axis or 0, len(x.axes))]
    if index is None or not x.element.has(index):
        return Tensor(x.element * (index or 1), x.axes)
    bound = fresh()
    return Tensor(sp.Sum(x.element.subs(index, bound) * sp.Heaviside(index - bound, 1), (bound, 1, size)), x.axes)


def where(condition: Any, yes: Any, no: Any) -> Tensor:
    """np.where: a choice by relation, or decided."""
    if isinstance(condition, bool | np.bool_):
        return as_tensor(yes) if condition else as_tensor(no)
    args = [as_tensor(one) for one in (condition, yes, no)]
    axes = broadcast(*args)
    met, one, other = (arg.at(*(i for i, _ in axes[len(axes) - len(arg.axes) :])) for arg in args)
    if isinstance(met, sp.Eq) and met.lhs.is_integer and met.rhs.is_integer:
        return Tensor(other + same(*met.args) * (one - other), axes)
    return Tensor(Symbolic.select(met, one, other), axes)


def transpose(x: Tensor, order: Any = None) -> Tensor:
    """np.transpose."""
    return Tensor(x.element, tuple(x.axes[a] for a in (order or range(len(x.axes))[::-1])))


def expand_dims(x: Tensor, axis: int | tuple[int, ...]) -> Tensor:
    """np.expand_dims."""
    axes, count = list(x.axes), len(np.atleast_1d(axis))
    for place in sorted(normalize_axis_tuple(axis, len(axes) + count)):
        axes.insert(place, (None, 1))
    return Tensor(x.element, tuple(axes))


def constant(value: int) -> Callable[[Tensor], Tensor]:
    """An array of the same shape that holds one number everywhere."""
    return lambda x: Tensor(sp.Integer(value), x.axes)


FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    np.sum: total,
    np.mean: mean,
    np.prod: product,
    np.linalg.outer: outer,
    np.max: arbitrary,
    np.cumsum: cumsum,
    np.where: where,
    np.transpose: transpose,
    np.expand_dims: expand_dims,
    np.ones_like: constant(1),
    np.zeros_like: constant(0),
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: len(x.axes),
}


def partial(scalar: Tensor, name: str, *indices: Any, **assumptions: bool) -> Any:
    """The derivative of a number by one entry of an array."""
    return sp.diff(scalar.element, sp.IndexedBase(name, **({"real": True} | assumptions))[indices])
