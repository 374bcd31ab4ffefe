"""NumPy arrays over other number systems: NumPy's own dispatch (NEP 13, NEP 18) runs the reference on them, unchanged."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple


class Undecided(ArithmeticError):
    """A comparison, or a branch, that the known digits of its operands do not decide."""


class Refused(TypeError):
    """A NumPy function that this arithmetic does not vet."""


Table = Mapping[str, Callable[..., Any]]

OPERATORS: Table = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "negative": operator.neg,
    "positive": operator.pos,
}


class Methods:
    """The methods of NumPy's arrays that do what its functions do: the reference has no use for them, and functions of others have."""

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

    def dot(self, other: Any) -> Any:
        """The product of matrices."""
        return np.matmul(self, other)  # type: ignore[call-overload]


def variance(x: Any, axis: Any = None, *, ddof: int = 0, keepdims: bool = False) -> Any:
    """np.var: the mean square of the deviations, in two passes; with ddof, over so many entries fewer."""
    squares = (x - np.mean(x, axis=axis, keepdims=True)) ** 2
    entries = np.mean(np.ones_like(x), axis=axis, keepdims=keepdims)
    count = np.sum(np.ones_like(x), axis=axis, keepdims=keepdims)
    return np.sum(squares, axis=axis, keepdims=keepdims) / (count - ddof * entries)


def deviation(x: Any, axis: Any = None, *, ddof: int = 0, keepdims: bool = False) -> Any:
    """np.std: the root of np.var."""
    return np.sqrt(variance(x, axis, ddof=ddof, keepdims=keepdims))


class Numbers(Methods, np.ndarray):  # type: ignore[misc]
    """An array over one number system. A subclass says what a number is (`number`) and what each ufunc does to numbers (`table`)."""

    table: ClassVar[Table] = {}
    over: ClassVar[tuple[type, ...]] = ()  # the systems whose arrays enter this one as constants

    @staticmethod
    def number(value: Any) -> Any:
        """One number of this system, from a Python or NumPy number or from one of its own."""
        raise NotImplementedError

    @staticmethod
    def select(condition: Any, yes: Any, no: Any) -> Any:
        """What np.where does to three numbers."""
        return yes if condition else no

    @staticmethod
    def count(number: Any) -> int | None:
        """The integer that a number of this system is known to be, if it is."""
        raise NotImplementedError

    @classmethod
    def add_up(cls, terms: list[Any]) -> Any:
        """The sum of a list of numbers; 0 of none."""
        return functools.reduce(cls.table["add"], terms) if terms else cls.number(0)

    def __new__(cls, values: Any) -> Any:
        """An array of this system from anything array-like; every entry becomes a number."""
        if isinstance(values, cls):
            return values
        if isinstance(values, np.ndarray) and values.dtype == bool:
            raise Refused(f"{cls.__name__}: truth values are not numbers")
        return cls.wrap(np.frompyfunc(cls.number, 1, 1)(objects(values)))

    @classmethod
    def wrap(cls, values: Any) -> Any:
        """An object array that already holds numbers of this system; decided truth values stay NumPy's own."""
        array = np.empty((), dtype=object) if not isinstance(values, np.ndarray) else values
        if not isinstance(values, np.ndarray):
            array[()] = values
        if array.size and all(isinstance(one, bool | np.bool_) for one in array.ravel()):
            return array.astype(bool)
        return array.view(cls)

    @classmethod
    def plain(cls, value: Any) -> Any:
        """The bare object array of a value."""
        return cls(value).view(np.ndarray)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """One ufunc, entry by entry, if it is vetted."""
        cls = type(self)
        if any(cls in getattr(type(one), "over", ()) for one in inputs):
            return NotImplemented
        if method != "__call__" or options:
            raise Refused(f"np.{ufunc.__name__}: {method} with {sorted(options)} is not vetted on {cls.__name__}; use np.sum and the like")
        if ufunc is np.matmul:
            return cls.wrap(cls.matmul(*map(cls.plain, inputs)))
        if ufunc.__name__ not in cls.table:
            raise Refused(f"np.{ufunc.__name__} is not vetted on {cls.__name__}")
        return cls.wrap(np.frompyfunc(cls.table[ufunc.__name__], ufunc.nin, 1)(*map(cls.plain, inputs)))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """One NumPy function, if it is vetted."""
        cls = type(self)
        if any(cls in getattr(one, "over", ()) for one in types):
            return NotImplemented
        if function not in cls.vetted():
            raise Refused(f"np.{function.__name__} is not vetted on {cls.__name__}")
        return cls.vetted()[function](cls, *args, **kwargs)

    @classmethod
    def vetted(cls) -> Mapping[Any, Callable[..., Any]]:
        """The NumPy functions that this arithmetic runs; every other one is refused."""
        return FUNCTIONS

    @classmethod
    def matmul(cls, left: Any, right: Any) -> Any:
        """The matrix product of two bare object arrays of one or two axes."""
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
        """The eigenvalues of a symmetric matrix, where the system has them."""
        raise Refused(f"np.linalg.eigvalsh is not vetted on {cls.__name__}")

    @classmethod
    def eigh(cls, matrix: Any) -> tuple[Any, Any]:
        """The eigenvalues of a symmetric matrix, smallest first, and unit eigenvectors as columns, where the system has them."""
        raise Refused(f"np.linalg.eigh is not vetted on {cls.__name__}")

    @classmethod
    def solve(cls, matrix: Any, right: Any) -> Any:
        """The solution of a square linear system, where the system has it; LinAlgError if the matrix is singular."""
        raise Refused(f"np.linalg.solve is not vetted on {cls.__name__}")

    def __getitem__(self, key: Any) -> Any:
        item = super().__getitem__(key)
        return item if isinstance(item, np.ndarray) else type(self).wrap(item)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, type(self).plain(value)[()])

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        raise Refused(f"a branch on {type(self).__name__} numbers: write np.where")

    def __float__(self) -> float:
        raise Refused(f"{type(self).__name__} numbers do not become floats unseen")

    __int__ = __complex__ = __float__  # type: ignore[assignment]

    def __index__(self) -> int:
        """A number that counts: of steps, of groups."""
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
    """A method of arrays that would bypass the dispatch."""

    def method(self: Numbers, *args: Any, **kwargs: Any) -> Any:
        raise Refused(f"x.{name}(…) bypasses the arithmetic of {type(self).__name__}: write np.{name}(x, …)")

    return method


KEPT = {"reshape", "transpose", "view", "copy", "ravel", "item", "tolist"}
for _name in dir(np.ndarray):
    if not _name.startswith("_") and callable(getattr(np.ndarray, _name)) and _name not in KEPT and _name not in vars(Methods):
        setattr(Numbers, _name, refused_method(_name))


def objects(values: Any) -> Any:
    """Values as an object array; a nested 0-d array counts as the number it holds."""
    if isinstance(values, np.ndarray | list | tuple | np.generic):
        return np.asarray(values, dtype=object)
    array = np.empty((), dtype=object)
    array[()] = values
    return array


def singular(name: str) -> np.linalg.LinAlgError:
    """What NumPy raises of a matrix that has no inverse."""
    return np.linalg.LinAlgError(f"np.linalg.{name}: the matrix is singular")


def over_axes(reduce: Callable[[type[Numbers], list[Any]], Any]) -> Callable[..., Any]:
    """A reduction of lists of numbers, as NumPy's function of an array, an axis and keepdims."""

    def reduction(cls: type[Numbers], x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
        array = cls.plain(x)
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
    """The reduction that folds the numbers with one ufunc of the table."""
    return lambda cls, terms: functools.reduce(cls.table[name], terms)


np_sum = over_axes(lambda cls, terms: cls.add_up(terms))


def mean(cls: type[Numbers], x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The sum over the number of its terms."""
    total = np_sum(cls, x, axis, keepdims=keepdims)
    return total / (np.size(x) // max(np.size(total), 1))


def cumsum(cls: type[Numbers], x: Any, axis: int | None = None) -> Any:
    """Partial sums along one axis, or over all entries in order."""
    array = cls.plain(x)
    rows = np.moveaxis(array, axis, -1) if axis is not None else array.reshape(1, -1)
    result = np.empty_like(rows)
    for *at, k in np.ndindex(rows.shape):
        result[(*at, k)] = cls.add_up(list(rows[tuple(at)][: k + 1]))
    return cls.wrap(np.moveaxis(result, -1, axis) if axis is not None else result.reshape(-1))


def argmin(cls: type[Numbers], x: Any, axis: int | None = None) -> Any:
    """The place of the first smallest number along one axis, or among all entries in order, where the comparisons are decided."""
    array = cls.plain(x)
    rows = np.moveaxis(array, axis, -1) if axis is not None else array.reshape(-1)
    places = np.zeros(rows.shape[:-1], dtype=int)
    for at in np.ndindex(places.shape):
        for place in range(1, rows.shape[-1]):
            smaller = cls.table["less"](rows[at][place], rows[at][places[at]])
            if not isinstance(smaller, bool | np.bool_):
                raise Undecided(f"np.argmin: whether {smaller}")
            places[at] = place if smaller else places[at]
    return places[()]


def where(cls: type[Numbers], condition: Any, yes: Any, no: Any) -> Any:
    """The choice, entry by entry; a condition may be a truth value or, for symbols, a relation."""
    bare = condition.view(np.ndarray) if isinstance(condition, np.ndarray) else objects(condition)
    return cls.wrap(np.frompyfunc(cls.select, 3, 1)(bare, cls.plain(yes), cls.plain(no)))


def rearranged(function: Any) -> Callable[..., Any]:
    """A function that moves numbers about and computes nothing."""

    def moved(cls: type[Numbers], arrays: Any, *args: Any, **kwargs: Any) -> Any:
        if refused := {"out", "dtype", "casting"} & kwargs.keys():
            raise Refused(f"np.{function.__name__}: {', '.join(sorted(refused))} is not vetted on {cls.__name__}")
        bare = [cls.plain(one) for one in arrays] if isinstance(arrays, list | tuple) else cls.plain(arrays)
        return cls.wrap(function(bare, *args, **kwargs))

    return moved


def filled(value: int) -> Callable[..., Any]:
    """An array of the same shape that holds one number everywhere."""
    return lambda cls, x: cls(np.full(np.shape(x), value))


def qr(cls: type[Numbers], x: Any) -> tuple[Any, Any]:
    """The QR decomposition of full column rank, by Gram and Schmidt; the diagonal is negative, as no formula may count on its sign."""
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
    np.zeros_like: filled(0),
    np.ones_like: filled(1),
    np.linalg.eigvalsh: lambda cls, matrix: cls.wrap(cls.eigvalsh(cls.plain(matrix))),
    np.linalg.eigh: lambda cls, matrix: tuple(map(cls.wrap, cls.eigh(cls.plain(matrix)))),
    np.linalg.solve: lambda cls, matrix, right: cls.wrap(cls.solve(cls.plain(matrix), cls.plain(right))),
    np.linalg.qr: qr,
    np.linalg.outer: lambda cls, x, y: np.expand_dims(cls(x), 1) * cls(y),
    np.shape: lambda cls, x: x.shape,
    np.size: lambda cls, x: x.view(np.ndarray).size,
    np.ndim: lambda cls, x: x.view(np.ndarray).ndim,
    **{
        f: rearranged(f)
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
