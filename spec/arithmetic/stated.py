"""Stated: the reference on terms at symbols and symbolic shapes, for claims that are written down as they stand.

As on Modular, an operation is recorded and not simplified; as on Tensor, an array of symbolic shape is its generic element. But nothing is
drawn: a size stays a symbol, and a sum stays a sum over an index. A branch on a number that is not a constant is refused.
"""

from __future__ import annotations

import itertools
import operator
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from . import terms
from ._numbers import FUNCTIONS, ArrayMethods, Numbers, Refused, Table, name_of_ufunc
from .modular import Modular, fold, fresh_symbol
from .terms import NotApplicable, Term, as_term, is_constant

COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {"<": operator.lt, "<=": operator.le, "==": operator.eq}


def compare(kind: str, left: Any, right: Any) -> Any:
    """Return a relation of two numbers, decided if both are constants."""
    left, right = as_term(left), as_term(right)
    if is_constant(left) and is_constant(right):
        return COMPARISONS[kind](left.data, right.data)
    return terms.relation(kind, left, right)


class Stated(Modular):
    """Arrays of terms of which nothing is drawn."""

    table: ClassVar[Table] = {
        **Modular.table,
        "greater": lambda a, b: compare("<", b, a),
        "greater_equal": lambda a, b: compare("<=", b, a),
        "less": lambda a, b: compare("<", a, b),
        "less_equal": lambda a, b: compare("<=", a, b),
        "equal": lambda a, b: compare("==", a, b),
    }

    def __new__(cls, values: Any, axes: Any = None) -> Any:
        """Return an array of terms."""
        return Numbers.__new__(cls, values)

    @staticmethod
    def count(number: Term) -> int | None:
        """Return a constant that is a whole number."""
        return int(number.data) if is_constant(number) and number.data.denominator == 1 else None

    @classmethod
    def vetted(cls) -> Mapping[Any, Callable[..., Any]]:
        """Return the supported NumPy functions."""
        return FUNCTIONS

    @classmethod
    def solve(cls, matrix: Any, right: Any) -> Any:
        """Return the solution by Cramer's rule."""
        raise NotApplicable("a system of linear equations")

    def __bool__(self) -> bool:
        """Return a truth value; of a relation that is not decided the one of this run, by `terms.Branches`."""
        condition: Any = self.view(np.ndarray)[()] if not self.ndim else None
        if isinstance(condition, bool):
            return condition
        if not isinstance(condition, Term):
            raise NotApplicable("a branch on a number that is not a constant")
        return bool(condition)


# --- sizes ----------------------------------------------------------------------------------------------------------------------------


def polynomial(term: Term) -> Counter[tuple[Any, ...]]:
    """Return a whole number made of symbols by sums and products as the coefficients of its monomials, which are sorted tuples."""
    match term.op:
        case "constant":
            return Counter({(): term.data} if term.data else {})
        case "symbol":
            return Counter({(term.data,): Fraction(1)})
        case "negative":
            return Counter({monomial: -number for monomial, number in polynomial(term.args[0]).items()})
        case "add":
            total: Counter[tuple[Any, ...]] = Counter()
            for arg in term.args:
                for monomial, number in polynomial(arg).items():
                    total[monomial] += number
            return Counter({monomial: number for monomial, number in total.items() if number})
        case "multiply":
            left, right = map(polynomial, term.args)
            product: Counter[tuple[Any, ...]] = Counter()
            for (one_side, a), (other_side, b) in itertools.product(left.items(), right.items()):
                product[tuple(sorted((*one_side, *other_side)))] += a * b
            return Counter({monomial: number for monomial, number in product.items() if number})
    raise NotApplicable("a size that is no polynomial")


def same_size(left: Any, right: Any) -> bool:
    """Return whether two sizes are the same polynomial."""
    return polynomial(as_term(left)) == polynomial(as_term(right))


def multiply_sizes(sizes: Iterable[Any]) -> Term:
    """Return a product of sizes."""
    total = terms.ONE
    for size in sizes:
        total = terms.multiply(total, size)
    return total


# --- arrays of symbolic shape -----------------------------------------------------------------------------------------------------------

Axis = tuple[Any, Any]  # an index and its size, or (None, 1)
Part = tuple[Axis, ...]  # what one axis of NumPy's runs over: one index, or several
UNIT: Part = ((None, terms.ONE),)
SIZES: dict[Any, Term] = {}  # of the indices of axes


def index_of_size(size: Term) -> Term:
    """Return an index that occurs nowhere else, of an axis of this size."""
    index = fresh_symbol("i", integer=True, positive=True)
    SIZES[index.data] = size
    return index


def part_of(size: Any) -> Part:
    """Return an axis over fresh indices: a tuple of sizes makes one axis of several indices."""
    sizes = [size_term(part) for part in (size if isinstance(size, tuple) else (size,))]
    return tuple((None, terms.ONE) if is_constant(each, 1) else (index_of_size(each), each) for each in sizes)


def size_term(size: Any) -> Term:
    """Return a size as a term."""
    return size.element if isinstance(size, StatedTensor) else as_term(size)


def size_of_part(part: Part) -> Term:
    """Return the size of one of NumPy's axes."""
    return multiply_sizes(size for _, size in part)


class StatedTensor(ArrayMethods, np.lib.mixins.NDArrayOperatorsMixin):
    """The generic element of an array, as a term, and its axes, one for each index."""

    table: ClassVar[Table] = Stated.table

    def __init__(self, element: Any, axes: Iterable[Axis] = (), widths: tuple[int, ...] | None = None) -> None:
        self.element: Any = element if isinstance(element, bool) else size_term(element)
        self.axes = tuple((index, size_term(size)) for index, size in axes)
        self.widths = (1,) * len(self.axes) if widths is None else widths

    @classmethod
    def of_parts(cls, element: Any, parts: Iterable[Part]) -> StatedTensor:
        """Return the tensor of an element whose axes run over these indices."""
        parts = tuple(parts)
        return cls(element, tuple(axis for part in parts for axis in part), tuple(map(len, parts)))

    @property
    def parts(self) -> tuple[Part, ...]:
        """The indices of each of NumPy's axes."""
        ends = list(itertools.accumulate(self.widths))
        return tuple(self.axes[end - width : end] for width, end in zip(self.widths, ends, strict=True))

    @property
    def sizes(self) -> tuple[Term, ...]:
        """The sizes of NumPy's axes."""
        return tuple(map(size_of_part, self.parts))

    @property
    def shape(self) -> tuple[Any, ...]:
        """The sizes as a formula sees them: whole numbers, or tensors of one number."""
        return tuple(int(size.data) if is_constant(size) else StatedTensor(size) for size in self.sizes)

    @property
    def T(self) -> StatedTensor:  # noqa: N802 - NumPy's name
        """The transpose."""
        return StatedTensor.of_parts(self.element, self.parts[::-1])

    def at(self, *indices: Any) -> Term:
        """Return the element at indices from 1."""
        replaced = {own.data: as_term(new) for (own, _), new in zip(self.axes, indices, strict=True) if own is not None}
        return terms.substitute(self.element, replaced)

    def broadcast_to(self, parts: tuple[Part, ...]) -> Any:
        """Return the element as a function of the indices of the axes that the tensor is broadcast to."""
        if isinstance(self.element, bool):
            return self.element
        aligned = zip(self.parts, parts[len(parts) - len(self.parts) :], strict=True)
        return self.at(*(index for own, new in aligned for index, _ in (new if not is_unit(own) else UNIT)))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Apply a ufunc to the generic elements, after broadcasting."""
        if method != "__call__" or options:
            raise Refused(f"np.{ufunc.__name__}.{method} on stated tensors")
        args = [as_tensor(operand) for operand in inputs]
        if ufunc is np.matmul:
            return matmul(*args)
        parts = broadcast(*args)
        return StatedTensor.of_parts(self.table[name_of_ufunc(ufunc)](*(arg.broadcast_to(parts) for arg in args)), parts)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Call a NumPy function that these arrays have."""
        if function not in TENSOR_FUNCTIONS:
            raise Refused(f"np.{function.__name__} on stated tensors")
        return TENSOR_FUNCTIONS[function](*args, **kwargs)

    def __bool__(self) -> bool:
        """Return a truth value; of a relation that is not decided the one of this run, by `terms.Branches`."""
        if isinstance(self.element, bool):
            return self.element
        if self.axes:
            raise NotApplicable("a branch on an array")
        return bool(self.element)

    def __index__(self) -> int:
        """Return a constant that is a whole number."""
        if (number := Stated.count(self.element)) is None:
            raise Refused(f"{self.element} is not one whole number")
        return number


def is_unit(part: Part) -> bool:
    """Return whether an axis has one entry."""
    return len(part) == 1 and part[0][0] is None


def as_tensor(value: Any) -> StatedTensor:
    """Return a tensor, or a number as one."""
    if isinstance(value, StatedTensor):
        return value
    if isinstance(value, np.ndarray) and value.ndim:
        raise NotApplicable("an array of concrete shape beside one of symbolic shape")
    return StatedTensor(value)


def broadcast(*args: StatedTensor) -> tuple[Part, ...]:
    """Return the common axes, from the right, with fresh indices."""
    parts: list[Part] = []
    for aligned in itertools.zip_longest(*(arg.parts[::-1] for arg in args), fillvalue=UNIT):
        wide = [part for part in aligned if not is_unit(part)]
        sizes = [[size for _, size in part] for part in wide]
        if any(len(other) != len(sizes[0]) or not all(map(same_size, other, sizes[0])) for other in sizes):
            raise NotApplicable("axes of which the sizes are not seen to be equal")
        parts.insert(0, part_of(tuple(sizes[0])) if wide else UNIT)
    return tuple(parts)


def single(x: StatedTensor) -> tuple[Axis, ...]:
    """Return the axes of a tensor, each of which has one index."""
    if set(x.widths) - {1}:
        raise NotApplicable("an axis of several indices")
    return x.axes


def matmul(left: StatedTensor, right: StatedTensor) -> StatedTensor:
    """Contract the last axis with the first or last but one."""
    first, second = single(left), single(right)
    if not {len(first), len(second)} <= {1, 2} or not same_size(first[-1][1], second[0][1]):
        raise NotApplicable("a matrix product of these shapes")
    inner = fresh_symbol("k", integer=True, positive=True)
    rest = [(index and index_of_size(size), size) for index, size in first[:-1] + second[1:]]
    rows, columns = rest[: len(first) - 1], rest[len(first) - 1 :]
    product = terms.multiply(left.at(*(index for index, _ in rows), inner), right.at(inner, *(index for index, _ in columns)))
    return StatedTensor(fold(terms.add, product, (inner, 1, first[-1][1])), rest)


def largest(*numbers: Any) -> Term:
    """Return the largest of numbers."""
    total = as_term(numbers[0])
    for number in numbers[1:]:
        total = terms.maximum(total, number)
    return total


def fold_over(join: Callable[..., Any]) -> Callable[..., StatedTensor]:
    """Return the reduction of an array by a fold over one index after the other."""

    def reduction(x: Any, axis: Any = None, *, keepdims: bool = False) -> StatedTensor:
        x = as_tensor(x)
        parts, element = list(x.parts), x.element
        chosen = range(len(parts)) if axis is None else normalize_axis_tuple(axis, len(parts))
        for number in sorted(chosen, reverse=True):
            for index, size in parts[number][::-1]:
                element = fold(join, element, (index, 1, size)) if index is not None else element
            parts[number : number + 1] = [UNIT] if keepdims else []
        return StatedTensor.of_parts(element, parts)

    return reduction


def multiply_all(*factors: Any) -> Term:
    """Return a product."""
    return multiply_sizes(factors)


sum_over, product_over, largest_over = map(fold_over, (terms.add, multiply_all, largest))


def mean(x: Any, axis: Any = None, *, keepdims: bool = False) -> StatedTensor:
    """np.mean: the sum over the number of its terms."""
    chosen = range(len(x.parts)) if axis is None else normalize_axis_tuple(axis, len(x.parts))
    return sum_over(x, axis, keepdims=keepdims) / StatedTensor(multiply_sizes(x.sizes[number] for number in chosen))


def cumsum(x: StatedTensor, axis: int | None = None) -> StatedTensor:
    """np.cumsum: the sum up to the index."""
    if axis is None and len(single(x)) != 1:
        raise NotApplicable("a running sum over several axes")
    index, _ = single(x)[normalize_axis_index(axis or 0, len(x.axes))]
    if index is None:
        return x
    bound = fresh_symbol("k", integer=True, positive=True)
    return StatedTensor(fold(terms.add, terms.substitute(x.element, {index.data: bound}), (bound, 1, index)), x.axes)


def where(condition: Any, yes: Any, no: Any) -> StatedTensor:
    """np.where."""
    if isinstance(condition, bool | np.bool_):
        return as_tensor(yes) if condition else as_tensor(no)
    args = [as_tensor(operand) for operand in (condition, yes, no)]
    parts = broadcast(*args)
    return StatedTensor.of_parts(terms.choose(*(arg.broadcast_to(parts) for arg in args)), parts)


def transpose(x: StatedTensor, order: Any = None) -> StatedTensor:
    """np.transpose."""
    return StatedTensor.of_parts(x.element, (x.parts[number] for number in (order or range(len(x.parts))[::-1])))


def expand_dims(x: StatedTensor, axis: Any) -> StatedTensor:
    """np.expand_dims."""
    count = len(x.parts) + (len(axis) if isinstance(axis, tuple) else 1)
    numbers, parts = set(normalize_axis_tuple(axis, count)), iter(x.parts)
    return StatedTensor.of_parts(x.element, (UNIT if number in numbers else next(parts) for number in range(count)))


def reshape(x: StatedTensor, shape: Any) -> StatedTensor:
    """np.reshape: the same indices in the same order, grouped anew; a size of −1 takes what is left."""
    sizes = list(shape if isinstance(shape, tuple) else (shape,))
    left = [axis for axis in x.axes if axis[0] is not None]
    open_at = next((number for number, size in enumerate(sizes) if isinstance(size, int) and size == -1), len(sizes))
    front = [take(left, size_term(size), first=True) for size in sizes[:open_at]]
    back = [take(left, size_term(size), first=False) for size in sizes[open_at + 1 :][::-1]][::-1]
    middle = [tuple(left) or UNIT] if open_at < len(sizes) else []
    if left and not middle:
        raise NotApplicable("a shape that would split an index")
    return StatedTensor.of_parts(x.element, [*front, *middle, *back])


def take(axes: list[Axis], size: Term, *, first: bool) -> Part:
    """Take axes off the front or the end of a list until they have a size together."""
    part: Part = ()
    while not same_size(size_of_part(part), size):
        if not axes:
            raise NotApplicable("a shape that would split an index")
        part = (*part, axes.pop(0)) if first else (axes.pop(), *part)
    return part or UNIT


def outer(left: Any, right: Any) -> StatedTensor:
    """np.linalg.outer of two vectors."""
    return expand_dims(as_tensor(left), 1) * as_tensor(right)


TENSOR_FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    np.sum: sum_over,
    np.mean: mean,
    np.prod: product_over,
    np.max: largest_over,
    np.min: lambda x, axis=None, *, keepdims=False: -largest_over(-x, axis, keepdims=keepdims),
    np.cumsum: cumsum,
    np.where: where,
    np.transpose: transpose,
    np.expand_dims: expand_dims,
    np.reshape: reshape,
    np.linalg.outer: outer,
    np.ones_like: lambda x: StatedTensor.of_parts(1, x.parts),
    np.zeros_like: lambda x: StatedTensor.of_parts(0, x.parts),
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: len(x.parts),
}


# --- unknowns -------------------------------------------------------------------------------------------------------------------------


def symbols(names: str, *shape: int, **assumptions: bool) -> Any:
    """Return symbols by name, real unless said otherwise, as `symbolic.symbols` does."""
    return terms.arrays_of_symbols(Stated.wrap, names, shape, assumptions)


def tensor(name: str, *sizes: Any, **assumptions: bool) -> StatedTensor:
    """Return the array of this name and shape, as `tensor.tensor` does."""
    parts = [part_of(size) for size in sizes]
    indices = [index for part in parts for index, _ in part if index is not None]
    assumptions = {"real": True} | assumptions
    return StatedTensor.of_parts(terms.entry(name, assumptions, indices) if indices else terms.symbol(name, assumptions), parts)


def labels(name: str, *sizes: Any, classes: Any) -> StatedTensor:
    """Return any whole numbers from 0 to classes − 1, in an array of this shape."""
    parts = [part_of(size) for size in sizes]
    indices = [index for part in parts for index, _ in part if index is not None]
    label = terms.entry(name, {"integer": True, "positive": True}, indices)
    SIZES[label.data] = size_term(classes)
    return StatedTensor.of_parts(terms.add(label, -1), parts)


def function(name: str) -> Any:
    """Return a function of which nothing is known."""

    def apply(x: Any) -> Any:
        if isinstance(x, StatedTensor):
            return StatedTensor.of_parts(terms.apply(name, x.element), x.parts)
        return Stated.wrap(np.frompyfunc(lambda entry: terms.apply(name, entry), 1, 1)(Stated.object_array(x)))

    return apply


def partial(scalar: StatedTensor, name: str, *indices: Any, **assumptions: bool) -> Term:
    """Return the derivative of a number by one entry of an array."""
    return terms.derivative(scalar.element, terms.entry(name, {"real": True} | assumptions, indices))


class IndexedBase:
    """An array of unknowns of no stated size."""

    def __init__(self, name: Any, **assumptions: bool) -> None:
        self.name, self.assumptions = str(name), assumptions

    def __getitem__(self, indices: Any) -> Term:
        return terms.entry(self.name, self.assumptions, indices if isinstance(indices, tuple) else (indices,))


def kronecker_delta(left: Any, right: Any) -> Term:
    """Return 1 where two indices are equal, else 0."""
    return terms.choose(compare("==", *(terms.ONE if index is None else index for index in (left, right))), 1, 0)
