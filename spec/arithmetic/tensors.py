"""Arrays of symbolic shape: the reference, unchanged, in index notation.

tensor("x", m, k) has the generic element x[i, j], 1 ≤ i ≤ m, 1 ≤ j ≤ k; np.sum is Σ, @ is a contraction, and a derivative by one entry
brings Kronecker deltas, which `prover.normal` contracts. What is proven of the generic element holds for every shape.

An axis may run over several indices at once, in NumPy's order of entries: tensor("x", (g, d)) has one axis, of size g d, and the element
x[i, j].  So np.reshape only groups the indices anew.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
import sympy as sp
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple
from sympy.concrete.expr_with_intlimits import ExprWithIntLimits

from ._numbers import ArrayMethods, Refused, Table, name_of_ufunc
from .conditions import Noted, requires, with_conditions
from .symbolic import Symbolic, exact

_counter = itertools.count()

Axis = tuple[Any, Any]  # (index symbol, size), or (None, 1)
Part = tuple[Axis, ...]  # what one axis of NumPy's runs over: one index, or several


class Index(sp.Dummy):
    """The index of an axis: any whole number from 1 to the size."""

    size: Any


def fresh_index(size: Any = None) -> Any:
    """An index that occurs nowhere else: of an axis of this size, or without a size one that is bound by a sum."""
    index = (sp.Dummy if size is None else Index)(f"i{next(_counter)}", integer=True, positive=True)
    if size is not None:
        index.size = size
    return index


def size_of(value: Any) -> Any:
    """A size as a SymPy integer."""
    return exact(value if not isinstance(value, Tensor) else value.element)


class Maximum(ExprWithIntLimits):
    """The largest of the numbers f(i), i from 1 to the size: Maximum(f(i), (i, 1, size)). Nothing else is known of it.

    Its derivative is that of the largest term, and which one that is stays open: Σ w(i) f'(i) with unknown weights w. Where a formula does
    not depend on the value of the maximum, as a softmax that subtracts it, the weights cancel.
    """

    is_real = True

    def doit(self, **hints: Any) -> Any:
        """Write the maximum out once its size is a number."""
        *inner, (index, low, size) = self.limits
        function = self.func(self.function, *inner) if inner else self.function
        if not size.is_Integer:
            return self.func(self.function.doit(**hints), *self.limits)
        return sp.Max(*(function.subs(index, k).doit(**hints) for k in range(int(low), int(size) + 1)))

    def _eval_derivative(self, entry: Any) -> Any:
        index, *others = (fresh_index() for _ in self.limits)
        new = (index, *others)
        renamed = list(zip((i for i, *_ in self.limits), new, strict=True))
        slope = sp.diff(self.function.subs(renamed, simultaneous=True), entry)
        return sp.Sum(Weight(self, *new) * slope, *((i, *ends) for i, (_, *ends) in zip(new, self.limits, strict=True)))


class Weight(sp.Function):
    """The unknown weight of a term of a maximum in its derivative: Weight(maximum, index, …)."""

    is_real = True

    def _eval_derivative(self, entry: Any) -> Any:
        if self.args[0].diff(entry) == 0:
            return sp.Integer(0)
        raise Refused("a second derivative of a maximum")


class Tensor(ArrayMethods, np.lib.mixins.NDArrayOperatorsMixin):
    """The generic element of an array, and its axes, one for each index; `widths` says how many indices each of NumPy's axes has."""

    table: ClassVar[Table] = {**Symbolic.table, "sqrt": requires("≥", sp.sqrt)}  # the prover brings radicands that hold sums to normal form

    def __init__(self, element: Any, axes: tuple[Axis, ...] = (), widths: tuple[int, ...] | None = None) -> None:
        self.element = exact(element)
        self.axes = tuple(axes)
        self.widths = (1,) * len(self.axes) if widths is None else widths
        self.noted: Noted = {}  # what its computation took for granted

    @classmethod
    def of_parts(cls, element: Any, parts: Iterable[Part]) -> Tensor:
        """The tensor of this element whose axes run over these indices."""
        parts = tuple(parts)
        return cls(element, tuple(axis for part in parts for axis in part), tuple(map(len, parts)))

    @property
    def parts(self) -> tuple[Part, ...]:
        """The indices of each of NumPy's axes."""
        ends = list(itertools.accumulate(self.widths))
        return tuple(self.axes[end - width : end] for width, end in zip(self.widths, ends, strict=True))

    @property
    def sizes(self) -> tuple[Any, ...]:
        """The sizes of NumPy's axes, as SymPy has them."""
        return tuple(axis_size(part) for part in self.parts)

    @property
    def shape(self) -> tuple[Any, ...]:
        """The sizes as a formula sees them: whole numbers, or tensors of one number, on which no branch depends that is not decided."""
        return tuple(int(size) if size.is_Integer else Tensor(size) for size in self.sizes)

    @property
    def T(self) -> Any:  # noqa: N802 - NumPy's name
        """The transpose."""
        return with_conditions(transpose, self)

    def at(self, *indices: Any) -> Any:
        """The element at these indices."""
        pairs = [(i, new) for (i, _), new in zip(self.axes, indices, strict=True) if i is not None]
        return self.element.subs(pairs, simultaneous=True)

    def broadcast_to(self, parts: tuple[Part, ...]) -> Any:
        """Return the element as a function of the indices of the axes that the tensor is broadcast to."""
        aligned = zip(self.parts, parts[len(parts) - len(self.parts) :], strict=True)
        return self.at(*(i for own, new in aligned for i, _ in (new if own != UNIT else UNIT)))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """One ufunc on the generic elements, after broadcasting."""
        if method != "__call__" or options:
            raise Refused(f"np.{ufunc.__name__}.{method} is not vetted on Tensor; use np.sum and the like")
        args = [as_tensor(operand) for operand in inputs]
        if ufunc is np.matmul:
            return with_conditions(matmul, *args)
        name = name_of_ufunc(ufunc)
        if name not in self.table:
            raise Refused(f"np.{name} is not vetted on Tensor")
        return with_conditions(functools.partial(self.of_entries, self.table[name]), *args)

    @classmethod
    def of_entries(cls, function: Any, *args: Tensor) -> Tensor:
        """Return the tensor of what a function makes of the entries, after broadcasting."""
        parts = broadcast(*args)
        return cls.of_parts(sp.sympify(function(*(arg.broadcast_to(parts) for arg in args))), parts)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """One NumPy function, if it is vetted."""
        if function not in FUNCTIONS:
            raise Refused(f"np.{function.__name__} is not vetted on Tensor")
        return with_conditions(FUNCTIONS[function], *args, **kwargs)

    def __bool__(self) -> bool:
        """Return a relation of single numbers that the assumptions decide; a branch on any other is refused."""
        if self.element in (sp.true, sp.false) and not self.free_axes:
            return bool(self.element)
        raise Refused(f"a branch on {self.element}, which differs from case to case: write np.where")

    @property
    def free_axes(self) -> tuple[Axis, ...]:
        """The axes of more than one entry."""
        return tuple(axis for axis in self.axes if axis[0] is not None)

    def __index__(self) -> int:
        raise Refused(f"{self.element} is not one whole number")

    def __repr__(self) -> str:
        return f"Tensor({self.element}, shape={self.sizes})"


UNIT: Part = ((None, 1),)


def axis_size(part: Part) -> Any:
    """The size of one of NumPy's axes."""
    return sp.Mul(*(size for _, size in part))


def as_tensor(value: Any) -> Tensor:
    """A tensor, or a number as one."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, np.ndarray) and value.ndim:
        raise Refused("an array of concrete shape does not mix with tensors")
    return Tensor(exact(value))


def tensor(name: str, *sizes: Any, **assumptions: bool) -> Any:
    """The array of this name and shape; its entries are real unless said otherwise. A tuple of sizes makes one axis of several indices."""
    parts = [axis_of(size if isinstance(size, tuple) else (size,)) for size in sizes]
    indices = tuple(i for part in parts for i, _ in part if i is not None)
    assumptions = {"real": True} | assumptions
    return Tensor.of_parts(sp.IndexedBase(name, **assumptions)[indices] if indices else sp.Symbol(name, **assumptions), parts)


def axis_of(sizes: tuple[Any, ...]) -> Part:
    """An axis over fresh indices of these sizes."""
    return tuple((None, 1) if size == 1 else (fresh_index(size), size) for size in map(size_of, sizes))


class Label(sp.Function):
    """Any map from indices to 1 … size: Label(name, index, …, size). Nothing else is known of its values."""

    is_integer = True
    is_positive = True


def labels(name: str, *sizes: Any, classes: Any) -> Any:
    """Integers from 0 to classes − 1, whichever they are, in an array of this shape."""
    parts = [axis_of((size,)) for size in sizes]
    return Tensor.of_parts(Label(sp.Symbol(name), *(i for part in parts for i, _ in part if i is not None), size_of(classes)) - 1, parts)


def kronecker_delta(a: Any, b: Any) -> Any:
    """Return 1 where two integers are equal, else 0; a constant added to the second is moved to the first, so that sums find its index."""
    added = b.as_coeff_Add()[0]
    return sp.KroneckerDelta(a - added, b - added)


def broadcast(*args: Tensor) -> tuple[Part, ...]:
    """The common axes, from the right, with fresh indices."""
    parts: list[Part] = []
    for aligned in itertools.zip_longest(*(arg.parts[::-1] for arg in args), fillvalue=UNIT):
        made = {tuple(size for _, size in part) for part in aligned} - {(1,)}
        if len({sp.prod(sizes) for sizes in made}) > 1:
            raise ValueError(f"shapes {' and '.join(str(arg.sizes) for arg in args)} do not broadcast")
        if len(made) > 1:
            raise Refused(f"axes over indices of sizes {' and '.join(map(str, made))} are not matched: np.reshape makes them alike")
        parts.insert(0, axis_of(made.pop()) if made else UNIT)
    return tuple(parts)


def require_single_indices(x: Tensor, function: str) -> Tensor:
    """Return the tensor if each of its axes has one index; otherwise raise Refused."""
    if set(x.widths) - {1}:
        raise Refused(f"np.{function} on Tensor takes axes of one index each")
    return x


def matmul(left: Tensor, right: Tensor) -> Tensor:
    """A contraction of the last axis with the first or last but one."""
    left, right = require_single_indices(left, "matmul"), require_single_indices(right, "matmul")
    if not {len(left.axes), len(right.axes)} <= {1, 2}:
        raise Refused(f"np.matmul on Tensor takes one or two axes, not {len(left.axes)} and {len(right.axes)}")
    inner, size = fresh_index(), left.sizes[-1]
    if size != right.sizes[0]:
        raise ValueError(f"matmul: shapes {left.sizes} and {right.sizes} do not fit")
    outer = [(old and fresh_index(length), length) for old, length in left.axes[:-1] + right.axes[1:]]
    rows, columns = outer[: len(left.axes) - 1], outer[len(left.axes) - 1 :]
    product = left.at(*(i for i, _ in rows), inner) * right.at(inner, *(i for i, _ in columns))
    return Tensor(sp.Sum(product, (inner, 1, size)), tuple(outer))


def fold_over(fold: Any) -> Callable[..., Tensor]:
    """Return the reduction of an array by a fold over one index, such as Σ, once for each index of each axis."""

    def reduction(x: Any, axis: Any = None, *, keepdims: bool = False) -> Tensor:
        x = as_tensor(x)
        parts, element = list(x.parts), x.element
        chosen = range(len(parts)) if axis is None else normalize_axis_tuple(axis, len(parts))
        for a in sorted(chosen, reverse=True):
            for index, size in parts[a][::-1]:
                bound = fresh_index()
                element = fold(element.subs(index, bound), (bound, 1, size)) if index is not None else element
            parts[a : a + 1] = [UNIT] if keepdims else []
        return Tensor.of_parts(element, parts)

    return reduction


sum_over = fold_over(sp.Sum)
largest_over = fold_over(Maximum)


def smallest_over(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """np.min: the largest of the negatives, negated."""
    return -largest_over(-x, axis, keepdims=keepdims)


def product(x: Tensor) -> Tensor:
    """np.prod over the one axis there is."""
    if len(require_single_indices(x, "prod").axes) != 1:
        raise Refused("np.prod of a tensor takes one axis")
    ((index, size),) = x.axes
    bound = fresh_index()
    return Tensor(sp.Product(x.element.subs(index, bound), (bound, 1, size)) if index is not None else x.element)


def outer(left: Any, right: Any) -> Tensor:
    """np.linalg.outer of two vectors."""
    return expand_dims(as_tensor(left), 1) * as_tensor(right)


def mean(x: Tensor, axis: Any = None, *, keepdims: bool = False) -> Tensor:
    """np.mean: the sum over the number of its terms."""
    kept = sum_over(x, axis, keepdims=keepdims)
    return kept / Tensor(sp.prod(x.sizes) / sp.prod(kept.sizes))


def cumsum(x: Tensor, axis: int | None = None) -> Tensor:
    """np.cumsum along the only axis, or the one named: a Σ over the whole axis with a step function, so that deltas can contract it."""
    if axis is None and len(require_single_indices(x, "cumsum").axes) != 1:
        raise Refused("np.cumsum of a tensor of several axes needs an axis")
    index, size = require_single_indices(x, "cumsum").axes[normalize_axis_index(axis or 0, len(x.axes))]
    if index is None or not x.element.has(index):
        return Tensor(x.element * (index or 1), x.axes)
    bound = fresh_index()
    return Tensor(sp.Sum(x.element.subs(index, bound) * sp.Heaviside(index - bound, 1), (bound, 1, size)), x.axes)


def where(condition: Any, yes: Any, no: Any) -> Tensor:
    """np.where: a choice by relation, or decided."""
    if isinstance(condition, bool | np.bool_):
        return as_tensor(yes) if condition else as_tensor(no)
    args = [as_tensor(operand) for operand in (condition, yes, no)]
    parts = broadcast(*args)
    met, one, other = (arg.broadcast_to(parts) for arg in args)
    if isinstance(met, sp.Eq) and met.lhs.is_integer and met.rhs.is_integer:
        return Tensor.of_parts(other + kronecker_delta(*met.args) * (one - other), parts)
    return Tensor.of_parts(Symbolic.select(met, one, other), parts)


def transpose(x: Tensor, order: Any = None) -> Tensor:
    """np.transpose."""
    return Tensor.of_parts(x.element, (x.parts[a] for a in (order or range(len(x.parts))[::-1])))


def expand_dims(x: Tensor, axis: Any) -> Tensor:
    """np.expand_dims."""
    count = len(x.parts) + (len(axis) if isinstance(axis, tuple) else 1)
    places, parts = set(normalize_axis_tuple(axis, count)), iter(x.parts)
    return Tensor.of_parts(x.element, (UNIT if index in places else next(parts) for index in range(count)))


def reshape(x: Tensor, shape: Any) -> Tensor:
    """np.reshape: the same indices in the same order, grouped anew; a size that would split an index is refused."""
    sizes = [-1 if size == -1 else size_of(size) for size in (shape if isinstance(shape, tuple) else (shape,))]
    whole = sp.prod(x.sizes)
    sizes = [sp.cancel(whole / sp.prod([size for size in sizes if size != -1])) if size == -1 else size for size in sizes]
    if sp.expand(sp.prod(sizes) - whole) != 0:
        raise ValueError(f"shape {x.sizes} is not reshaped to {shape}")
    left, parts = [axis for axis in x.axes if axis != (None, 1)], []
    for size in sizes:
        part: Part = ()
        while left and sp.expand(axis_size(part) - size) != 0:
            part += (left.pop(0),)
        if sp.expand(axis_size(part) - size) != 0:
            raise Refused(f"np.reshape of {x.sizes} to {shape} would split an index")
        parts.append(part or UNIT)
    return Tensor.of_parts(x.element, parts)


def constant(value: int) -> Callable[[Tensor], Tensor]:
    """An array of the same shape that holds one number everywhere."""
    return lambda x: Tensor.of_parts(sp.Integer(value), x.parts)


FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    np.sum: sum_over,
    np.mean: mean,
    np.prod: product,
    np.linalg.outer: outer,
    np.max: largest_over,
    np.min: smallest_over,
    np.cumsum: cumsum,
    np.where: where,
    np.transpose: transpose,
    np.expand_dims: expand_dims,
    np.reshape: reshape,
    np.ones_like: constant(1),
    np.zeros_like: constant(0),
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: len(x.parts),
}


def partial(scalar: Tensor, name: str, *indices: Any, **assumptions: bool) -> Any:
    """The derivative of a number by one entry of an array."""
    return sp.diff(scalar.element, sp.IndexedBase(name, **({"real": True} | assumptions))[indices])
