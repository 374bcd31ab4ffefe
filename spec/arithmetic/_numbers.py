"""NumPy arrays over other number systems. NumPy's dispatch (NEP 13, NEP 18) runs the reference on them without a change."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from .formats import widened


class Undecided(ArithmeticError):
    """A comparison or branch that cannot be decided, because the operands are only known approximately."""


class Refused(TypeError):
    """A NumPy function or operation that this number system does not support."""


Table = Mapping[str, Callable[..., Any]]


def name_of_ufunc(ufunc: Any) -> str:
    """Return the name of a ufunc in the tables: NumPy adds a word to the name of one that is made of a function, such as erf."""
    return str(ufunc.__name__.removesuffix(" (vectorized)"))


@functools.lru_cache(maxsize=1024)
def entrywise(function: Callable[..., Any], arguments: int) -> Any:
    """Return a function of numbers as a function of object arrays."""
    return np.frompyfunc(function, arguments, 1)


OPERATORS: Table = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "negative": operator.neg,
    "positive": operator.pos,
}


class ArrayMethods:
    """Methods of ndarray that call the NumPy function of the same name: for functions of third parties, the reference does not use them."""

    def sum(self, axis: Any = None, *, keepdims: bool = False) -> Any:
        """np.sum."""
        return np.sum(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def mean(self, axis: Any = None, *, keepdims: bool = False) -> Any:
        """np.mean."""
        return np.mean(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def max(self, axis: Any = None, *, keepdims: bool = False) -> Any:
        """np.max."""
        return np.max(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def min(self, axis: Any = None, *, keepdims: bool = False) -> Any:
        """np.min."""
        return np.min(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def var(self, axis: Any = None, *, ddof: int = 0, keepdims: bool = False) -> Any:
        """np.var."""
        return variance(self, axis, ddof=ddof, keepdims=keepdims)

    def std(self, axis: Any = None, *, ddof: int = 0, keepdims: bool = False) -> Any:
        """np.std."""
        return np.sqrt(variance(self, axis, ddof=ddof, keepdims=keepdims))

    def clip(self, min: Any = None, max: Any = None) -> Any:
        """np.clip."""
        bounded: Any = self
        bounded = bounded if min is None else np.maximum(bounded, min)
        return bounded if max is None else np.minimum(bounded, max)

    def dot(self, other: Any) -> Any:
        """Return the matrix product."""
        return np.matmul(self, other)  # type: ignore[call-overload]


def variance(x: Any, axis: Any = None, *, ddof: int = 0, keepdims: bool = False) -> Any:
    """np.var: the sum of squared deviations, in two passes, divided by the number of entries less ddof."""
    squares = (x - np.mean(x, axis=axis, keepdims=True)) ** 2
    entries = np.mean(np.ones_like(x), axis=axis, keepdims=keepdims)
    count = np.sum(np.ones_like(x), axis=axis, keepdims=keepdims)
    return np.sum(squares, axis=axis, keepdims=keepdims) / (count - ddof * entries)


def standard_deviation(x: Any, axis: Any = None, *, ddof: int = 0, keepdims: bool = False) -> Any:
    """np.std: the root of np.var."""
    return np.sqrt(variance(x, axis, ddof=ddof, keepdims=keepdims))


class Numbers(ArrayMethods, np.ndarray):  # type: ignore[misc]
    """An array over one number system. A subclass says what a number is (`number`) and what each ufunc does to numbers (`table`)."""

    table: ClassVar[Table] = {}
    over: ClassVar[tuple[type, ...]] = ()  # the systems whose arrays enter this one as constants

    @staticmethod
    def number(value: Any) -> Any:
        """One number of this system, from a Python or NumPy number or from one of its own."""
        raise NotImplementedError

    @staticmethod
    def select(condition: Any, yes: Any, no: Any) -> Any:
        """Return what np.where selects of two numbers."""
        return yes if condition else no

    @staticmethod
    def count(number: Any) -> int | None:
        """Return the integer that a number is known to equal, or None."""
        raise NotImplementedError

    @classmethod
    def add_up(cls, terms: list[Any]) -> Any:
        """Return the sum of a list of numbers; an empty sum is 0."""
        return functools.reduce(cls.table["add"], terms) if terms else cls.number(0)

    def __new__(cls, values: Any) -> Any:
        """An array of this system from anything array-like; every entry becomes a number."""
        if isinstance(values, cls):
            return values
        if isinstance(values, np.ndarray) and values.dtype == bool:
            raise Refused(f"{cls.__name__}: truth values are not numbers")
        return cls.wrap(entrywise(cls.number, 1)(as_object_array(values)))

    @classmethod
    def wrap(cls, values: Any) -> Any:
        """Return an object array of numbers as an array of this system; truth values become a NumPy array of bool."""
        array = np.empty((), dtype=object) if not isinstance(values, np.ndarray) else values
        if not isinstance(values, np.ndarray):
            array[()] = values
        if array.size and all(isinstance(entry, bool | np.bool_) for entry in array.ravel()):
            return array.astype(bool)
        return array.view(cls)

    @classmethod
    def object_array(cls, value: Any) -> Any:
        """Return a value as a NumPy array of objects, without this class."""
        return cls(value).view(np.ndarray)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Apply a supported ufunc to each entry."""
        cls = type(self)
        if any(cls in getattr(type(operand), "over", ()) for operand in inputs):
            return NotImplemented
        if method != "__call__" or options:
            raise Refused(f"np.{ufunc.__name__}: {method} with {sorted(options)} is not vetted on {cls.__name__}; use np.sum and the like")
        if ufunc is np.matmul:
            return cls.wrap(cls.matmul(*map(cls.object_array, inputs)))
        name = name_of_ufunc(ufunc)
        if name not in cls.table:
            raise Refused(f"np.{name} is not vetted on {cls.__name__}")
        return cls.wrap(entrywise(cls.table[name], ufunc.nin)(*map(cls.object_array, inputs)))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Call a supported NumPy function."""
        cls = type(self)
        if any(cls in getattr(kind, "over", ()) for kind in types):
            return NotImplemented
        if function not in cls.vetted():
            raise Refused(f"np.{function.__name__} is not vetted on {cls.__name__}")
        return cls.vetted()[function](cls, *args, **kwargs)

    @classmethod
    def vetted(cls) -> Mapping[Any, Callable[..., Any]]:
        """Return the supported NumPy functions; every other one raises Refused."""
        return FUNCTIONS

    @classmethod
    def matmul(cls, left: Any, right: Any) -> Any:
        """Return the matrix product of two object arrays of one or two axes."""
        if not {left.ndim, right.ndim} <= {1, 2}:
            raise Refused(f"np.matmul on {cls.__name__} takes one or two axes, not {left.ndim} and {right.ndim}")
        rows, columns = np.atleast_2d(left), right if right.ndim == 2 else right[:, None]
        if rows.shape[1] != columns.shape[0]:
            raise ValueError(f"matmul: shapes {left.shape} and {right.shape} do not fit")
        product = np.empty((rows.shape[0], columns.shape[1]), dtype=object)
        for i, row in enumerate(rows):
            for j, column in enumerate(columns.T):
                product[i, j] = cls.add_up([cls.table["multiply"](a, b) for a, b in zip(row, column, strict=True)])
        return product.reshape(left.shape[:-1] + right.shape[1:])

    @classmethod
    def eigvalsh(cls, matrix: Any) -> Any:
        """Return the eigenvalues of a symmetric matrix, if this system supports it."""
        raise Refused(f"np.linalg.eigvalsh is not vetted on {cls.__name__}")

    @classmethod
    def eigh(cls, matrix: Any) -> tuple[Any, Any]:
        """Return the eigenvalues of a symmetric matrix, smallest first, and unit eigenvectors as columns, if this system supports it."""
        raise Refused(f"np.linalg.eigh is not vetted on {cls.__name__}")

    @classmethod
    def solve(cls, matrix: Any, right: Any) -> Any:
        """Return the solution of a square linear system, if this system supports it; LinAlgError if the matrix is singular."""
        raise Refused(f"np.linalg.solve is not vetted on {cls.__name__}")

    def __getitem__(self, key: Any) -> Any:
        item = super().__getitem__(key)
        return item if isinstance(item, np.ndarray) else type(self).wrap(item)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, type(self).object_array(value)[()])

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        raise Refused(f"a branch on {type(self).__name__} numbers: write np.where")

    def __float__(self) -> float:
        raise Refused(f"{type(self).__name__} numbers do not become floats unseen")

    __int__ = __complex__ = __float__  # type: ignore[assignment]

    def __index__(self) -> int:
        """Return a number that is known to be an integer, for counts of steps or groups."""
        if self.ndim or (count := self.count(self.view(np.ndarray)[()])) is None:
            raise Refused(f"{self} is not one number known to be whole")
        return count

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self})"

    def __str__(self) -> str:
        return str(self.view(np.ndarray))

    def __reduce__(self) -> Any:
        raise Refused(f"{type(self).__name__} arrays are not pickled")


def refused_method(name: str) -> Any:
    """Return a method that raises Refused, for a method of ndarray that would bypass the dispatch."""

    def method(self: Numbers, *args: Any, **kwargs: Any) -> Any:
        raise Refused(f"x.{name}(…) bypasses the arithmetic of {type(self).__name__}: write np.{name}(x, …)")

    return method


ALLOWED_METHODS = {"reshape", "transpose", "view", "copy", "ravel", "item", "tolist"}
for _name in dir(np.ndarray):
    if (
        not _name.startswith("_")
        and callable(getattr(np.ndarray, _name))
        and _name not in ALLOWED_METHODS
        and _name not in vars(ArrayMethods)
    ):
        setattr(Numbers, _name, refused_method(_name))


def as_object_array(values: Any) -> Any:
    """Return values as an object array; a 0-d array inside a list counts as its number."""
    if isinstance(values, np.ndarray | list | tuple | np.generic):
        return np.asarray(widened(values), dtype=object)
    array = np.empty((), dtype=object)
    array[()] = values
    return array


def singular(name: str) -> np.linalg.LinAlgError:
    """Return the error that NumPy raises for a singular matrix."""
    return np.linalg.LinAlgError(f"np.linalg.{name}: the matrix is singular")


def over_axes(reduce: Callable[[type[Numbers], list[Any]], Any]) -> Callable[..., Any]:
    """Return a reduction of lists of numbers as a function of array, axis and keepdims."""

    def reduction(cls: type[Numbers], x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
        array = cls.object_array(x)
        axes = tuple(range(array.ndim)) if axis is None else normalize_axis_tuple(axis, array.ndim)
        kept = [a for a in range(array.ndim) if a not in axes]
        rows = array.transpose(*kept, *axes).reshape([array.shape[a] for a in kept] + [-1])
        if rows.shape[-1] == 0:
            raise ValueError(f"a reduction of {cls.__name__} numbers over no entries")
        result = np.empty(rows.shape[:-1], dtype=object)
        for index in np.ndindex(result.shape):
            result[index] = reduce(cls, list(rows[index]))
        return cls.wrap(np.expand_dims(result, axes) if keepdims else result)

    return reduction


def fold(name: str) -> Callable[[type[Numbers], list[Any]], Any]:
    """Return the reduction of numbers by one binary ufunc of the table."""
    return lambda cls, terms: functools.reduce(cls.table[name], terms)


np_sum = over_axes(lambda cls, terms: cls.add_up(terms))


def mean(cls: type[Numbers], x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """np.mean: the sum divided by the number of terms."""
    total = np_sum(cls, x, axis, keepdims=keepdims)
    return total / (np.size(x) // max(np.size(total), 1))


def cumsum(cls: type[Numbers], x: Any, axis: int | None = None) -> Any:
    """np.cumsum along one axis, or over all entries in order."""
    array = cls.object_array(x)
    rows = np.moveaxis(array, axis, -1) if axis is not None else array.reshape(1, -1)
    result = np.empty_like(rows)
    for *at, k in np.ndindex(rows.shape):
        result[(*at, k)] = cls.add_up(list(rows[tuple(at)][: k + 1]))
    return cls.wrap(np.moveaxis(result, -1, axis) if axis is not None else result.reshape(-1))


def argmin(cls: type[Numbers], x: Any, axis: int | None = None) -> Any:
    """np.argmin along one axis, or over all entries in order; Undecided if a comparison cannot be decided."""
    array = cls.object_array(x)
    rows = np.moveaxis(array, axis, -1) if axis is not None else array.reshape(-1)
    places = np.zeros(rows.shape[:-1], dtype=int)
    for at in np.ndindex(places.shape):
        for index in range(1, rows.shape[-1]):
            smaller = cls.table["less"](rows[at][index], rows[at][places[at]])
            if not isinstance(smaller, bool | np.bool_):
                raise Undecided(f"np.argmin: whether {smaller}")
            places[at] = index if smaller else places[at]
    return places[()]


def where(cls: type[Numbers], condition: Any, yes: Any, no: Any) -> Any:
    """np.where; the condition holds truth values or, for symbols, relations."""
    bare = condition.view(np.ndarray) if isinstance(condition, np.ndarray) else as_object_array(condition)
    return cls.wrap(entrywise(cls.select, 3)(bare, cls.object_array(yes), cls.object_array(no)))


def rearrangement(function: Any) -> Callable[..., Any]:
    """Return a function that rearranges entries without computing, for arrays of numbers."""

    def moved(cls: type[Numbers], arrays: Any, *args: Any, **kwargs: Any) -> Any:
        if refused := {"out", "dtype", "casting"} & kwargs.keys():
            raise Refused(f"np.{function.__name__}: {', '.join(sorted(refused))} is not vetted on {cls.__name__}")
        bare = [cls.object_array(array) for array in arrays] if isinstance(arrays, list | tuple) else cls.object_array(arrays)
        return cls.wrap(function(bare, *args, **kwargs))

    return moved


def constant_like(value: int) -> Callable[..., Any]:
    """Return the function that makes an array of the same shape with one value everywhere."""
    return lambda cls, x: cls(np.full(np.shape(x), value))


def qr(cls: type[Numbers], x: Any) -> tuple[Any, Any]:
    """np.linalg.qr of full column rank, by Gram and Schmidt. The diagonal of R is negative, because no formula may rely on its sign."""
    matrix = cls(x)
    columns: list[Any] = []
    r = cls(np.zeros((matrix.shape[1], matrix.shape[1]), dtype=int))
    for k in range(matrix.shape[1]):
        rest = matrix[:, k]
        for i, column in enumerate(columns):
            r[i, k] = column @ matrix[:, k]
            rest = rest - r[i, k] * column
        r[k, k] = -np.sqrt(rest @ rest)
        columns.append(rest / r[k, k])
    return np.stack(columns, axis=1), r


FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    np.sum: np_sum,
    np.prod: over_axes(fold("multiply")),
    np.max: over_axes(fold("maximum")),
    np.min: over_axes(fold("minimum")),
    np.mean: mean,
    np.cumsum: cumsum,
    np.argmin: argmin,
    np.where: where,
    np.zeros_like: constant_like(0),
    np.ones_like: constant_like(1),
    np.linalg.eigvalsh: lambda cls, matrix: cls.wrap(cls.eigvalsh(cls.object_array(matrix))),
    np.linalg.eigh: lambda cls, matrix: tuple(map(cls.wrap, cls.eigh(cls.object_array(matrix)))),
    np.linalg.solve: lambda cls, matrix, right: cls.wrap(cls.solve(cls.object_array(matrix), cls.object_array(right))),
    np.linalg.qr: qr,
    np.linalg.outer: lambda cls, x, y: np.expand_dims(cls(x), 1) * cls(y),
    np.shape: lambda cls, x: x.shape,
    np.size: lambda cls, x: x.view(np.ndarray).size,
    np.ndim: lambda cls, x: x.view(np.ndarray).ndim,
    **{
        f: rearrangement(f)
        for f in (
            np.stack,
            np.concatenate,
            np.reshape,
            np.transpose,
            np.expand_dims,
            np.squeeze,
            np.broadcast_to,
            np.moveaxis,
            np.flip,
            np.diagonal,
        )
    },
}
