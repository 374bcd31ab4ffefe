"""Samplers: the reference's distributions of weights, drawn from a counter-based generator."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from .._frontend import FORMATS, MISSES, FastPath, Frontend, declare
from .distributions import NormalGenerator, compile_fill, fill

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ...reference import Formula

F = TypeVar("F", bound="Callable[..., Any]")

LARGEST_SCALE = {
    np.dtype(real): float(np.finfo(real).max) / 10 for real in (np.float32, np.float64)
}  # no normal number is ten deviations off
SAFE_NUMBERS = 1e-100, 1e100  # numbers between these neither overflow nor underflow in a scale


class UnitGenerator:
    """A fake generator that returns 1 (or the upper end of the range). A sampler called with it returns the factor by which it scales."""

    @staticmethod
    def standard_normal(shape: Any) -> float:
        """Return one standard deviation."""
        return 1.0

    @staticmethod
    def uniform(low: float, high: float, shape: Any) -> float:
        """Return the upper end of the range, which is symmetric."""
        return high


class Sampler(Frontend):
    """A sampler of the reference: the method that fills arrays, by how much that is scaled, and within which limits."""

    def __init__(self, raw: Callable[..., Any], method: str, scale: Callable[..., Any], limits: Callable[..., tuple[Any, ...]]) -> None:
        super().__init__(raw)
        self.method, self.scale, self.limits = method, scale, limits

    @functools.cached_property
    def fast_path(self) -> Callable[..., Any]:
        """Return (source, shape, scale, limits) of plainly valid arguments."""
        keywords = ", ".join(["UnitGenerator", "fan_out", "fan_in", *(f"{name}={name}" for name in list(self.domains)[3:])])
        result = f"source, (fan_out, fan_in), scale({keywords}), limits({keywords})"
        names = {"scale": self.scale, "limits": self.limits, "UnitGenerator": UnitGenerator}
        return FastPath(self, within=SAFE_NUMBERS).compile(result, **names)

    def __call__(self, dtype: Any, out: Any, *arguments: Any) -> NDArray[Any]:
        """Return the weights, in a fresh array or in `out`."""
        try:
            source, shape, scale, limits = self.fast_path(*arguments)
        except MISSES:
            source, shape, scale, limits = self.slow_path(arguments)
        weights = np.empty(shape) if dtype is None and out is None else self.allocate(shape, dtype, out)
        contiguous = weights if weights.flags.carray and weights.dtype in LARGEST_SCALE else np.empty(shape, weights.dtype.name)
        fill(contiguous, self.method, source, float(scale), limits)
        if not scale < LARGEST_SCALE[contiguous.dtype]:
            self.validate_weights(contiguous)
        if contiguous is not weights:
            weights[...] = contiguous
        return weights

    def prepare(self, arguments: tuple[Any, ...], *, dtype: Any = None, out: Any = None) -> Any:
        """Return what draws weights anew, the array for them, and what fails for it."""
        source, shape, scale, limits = self.slow_path(arguments)
        weights = self.allocate(shape, dtype, out)
        self.check_layout_of_out([weights])
        self.code(weights.dtype)

        def draw() -> None:
            fill(weights, self.method, source, float(scale), limits)
            if not scale < LARGEST_SCALE[weights.dtype]:
                self.validate_weights(weights)

        return draw, weights, draw

    def code(self, dtype: np.dtype[Any]) -> Callable[..., None]:
        """Return the machine code for one dtype."""
        return compile_fill("normal" if self.method == "orthogonal" else self.method, dtype)

    def slow_path(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the same as the fast path of any arguments that the reference allows."""
        source, fan_out, fan_in, *numbers = self.coerce_arguments(arguments)
        keywords = dict(zip(list(self.domains)[3:], numbers, strict=True))
        with np.errstate(all="ignore"):  # an overflow is reported
            scale = self.scale(UnitGenerator, fan_out, fan_in, **keywords)
        return source, (fan_out, fan_in), scale, self.limits(UnitGenerator, fan_out, fan_in, **keywords)

    def allocate(self, shape: tuple[int, int], dtype: Any, out: Any) -> NDArray[Any]:
        """Return the array for the weights: `out`, or a fresh one."""
        if type(out) is np.ndarray and dtype is None and out.dtype in LARGEST_SCALE and out.shape == shape and out.flags.writeable:
            return out
        if dtype is not None and not any(real == dtype for real in LARGEST_SCALE):
            raise self.error(TypeError, "dtype", "be float32, float64 or None", f"{dtype!r}")
        if out is None:
            return np.empty(shape, np.float64 if dtype is None else dtype)
        if dtype is None and (type(out) is not np.ndarray or out.dtype.name not in FORMATS):
            raise self.type_error("out", "be a float32 array, a float64 array or None", out)
        self.check_out_array("out", out, shape, np.dtype(out.dtype.name if dtype is None else dtype))
        return cast("NDArray[Any]", out)

    def validate_weights(self, weights: NDArray[Any]) -> None:
        """Raise where weights are not finite."""
        from ...reference.validation import validate_result

        validate_result(weights, self.raw, [])


class OrthogonalSampler(Sampler):
    """The reference's formula itself, on normal numbers of a counter-based generator."""

    def prepare(self, arguments: tuple[Any, ...], *, dtype: Any = None, out: Any = None) -> Any:
        """Return what draws weights anew, the array for them, and what fails for it."""
        weights = self.allocate(tuple(self.coerce_arguments(arguments)[1:3]), dtype, out)

        def draw() -> None:
            self(None, weights, *arguments)

        return draw, weights, draw

    def __call__(self, dtype: Any, out: Any, *arguments: Any) -> NDArray[Any]:
        """Return the weights, in a fresh array or in `out`."""
        from ...reference.validation import validate_result

        source, fan_out, fan_in, gain = self.coerce_arguments(arguments)
        weights = self.allocate((fan_out, fan_in), dtype, out)
        with np.errstate(all="ignore"):  # an overflow is reported
            normal = NormalGenerator(source, weights.dtype.newbyteorder("="))
            weights[...] = validate_result(self.raw(normal, fan_out, fan_in, gain=gain), self.raw, [])
        return weights


def sampler(
    reference: Formula[..., Any], method: str, scale: Callable[..., Any] | None = None, limits: Callable[..., Any] = lambda *_, **__: ()
) -> Callable[[F], F]:
    """Make a declaration a sampler: signature and docstring are its own, and it scales by what the reference's formula makes of 1."""

    def declare_sampler(declared: F) -> F:
        kind = OrthogonalSampler if method == "orthogonal" else Sampler
        made = kind(reference.raw, method, scale or reference.raw, limits)
        function: Any = declare(reference.raw, declared, made, options=("dtype", "out"))
        function.sampler = made
        return cast("F", function)

    return declare_sampler
