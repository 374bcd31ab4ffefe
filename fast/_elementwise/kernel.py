"""Elementwise kernels: a formula of the reference on arrays of any shape."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from .._frontend import MISSES, FastPath, Frontend, compile_unpack_out, declare, identifier, number_tests, unwrap_scalars
from .._jit import FINITE, REFUSED, noticed
from .._threads import ALONE, PARALLEL_FROM_BYTES, bind_code, run_shared
from .loops import compile_kernel

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...reference import Formula
    from .loops import Arrays, Numbers
    from .source import KernelIR

    Prepared: TypeAlias = tuple[Callable[[], Any], Any, Callable[[], Any]]
    Out: TypeAlias = Any  # built as the result is: arrays or None, and states of such

F = TypeVar("F", bound="Callable[..., Any]")


class ElementwiseKernel(Frontend):
    """A formula of the reference on arrays of any shape. A call takes `out` and all arguments in order."""

    def __init__(self, raw: Callable[..., Any], **options: Any) -> None:
        super().__init__(raw)
        self.options = options  # of the SourceCompiler
        self.machine_code: dict[np.dtype[Any], Callable[..., int]] = {}  # by dtype, made when first needed

    @functools.cached_property
    def ir(self) -> KernelIR:
        """The formula, compiled from its source when it is first needed."""
        from .source import SourceCompiler

        return SourceCompiler(self.raw, **self.options).compile()

    @functools.cached_property
    def fast_path(self) -> Callable[..., Any]:
        """Return (updated arrays, read arrays, numbers, dtype) of plainly valid arguments; the machine code compares the arrays' sizes."""
        ir = self.ir
        groups = (", ".join([*map(identifier, names), ""]) for names in (ir.updated, ir.read, ir.numbers))
        return FastPath(self, arrays=(*ir.updated, *ir.read)).compile(
            f"{', '.join(f'({group})' if group else '()' for group in groups)}, dtype"
        )

    @functools.cached_property
    def constants(self) -> Callable[..., Any]:
        """Return what computes the constants from the numbers; once for all if there are none."""
        ir = self.ir
        if ir.numbers or ir.normed:
            return ir.constants
        constants = ir.constants()
        return lambda: constants

    @functools.cached_property
    def unpack_out(self) -> Callable[..., Any]:
        """Return the arrays of an `out` that is plainly valid."""
        return compile_unpack_out(self.ir.structure, self.ir.result_paths, with_shapes=False)

    @functools.cached_property
    def accepts_numbers(self) -> Callable[..., bool]:
        """Return whether numbers, given in order, are plainly valid."""
        tests = " and ".join([f"({test})" for test in number_tests(self.ir.numbers)]) or "True"
        return eval(f"lambda {', '.join(map(identifier, self.ir.numbers))}: {tests}")  # type: ignore[no-any-return]

    @property
    def takes_gradient_value(self) -> bool:
        """Whether a gradient among the arguments is its value; the kernel of the point where it is asked for gets the function."""
        return not self.options.get("compile_point")

    @functools.cached_property
    def parallel_from_bytes(self) -> int:
        """The bytes of one array from which threads pay: the fewer, the more an entry costs."""
        return PARALLEL_FROM_BYTES // (1 + self.ir.divisions)

    def __call__(self, out: Any, *arguments: Any) -> Any:
        """Return the result, in fresh arrays or in `out`."""
        try:
            old, read, numbers, dtype = self.fast_path(*arguments)
            code = self.machine_code[dtype]
            new = self.allocate(old) if out is None else self.unpack_out(out, dtype)
        except MISSES:
            return self.slow_path(out, arguments)
        constants, counters = self.constants(*numbers)
        try:
            status = run(code, self.parallel_from_bytes, new, old, read, constants)
        except TypeError:  # no machine code for them: an array has gaps, or is read-only
            return self.slow_path(out, arguments)
        if status == FINITE:
            return self.ir.pack_result(new if old[0].ndim or out is not None else unwrap_scalars(new), counters)
        if status == REFUSED:
            return self.slow_path(out, arguments)
        raise self.nonfinite_error(arguments, new)

    def prepare(self, arguments: tuple[Any, ...], *, out: Any = None) -> Prepared:
        """Return what computes the results of these arguments anew, these, and what raises its error."""
        self.check_layout(arguments)
        old, read, numbers = self.coerce_operands(arguments)
        constants, counters = self.constants(*numbers)
        shape, dtype, ir = old[0].shape, old[0].dtype, self.ir
        inputs = {name: array for name, array in self.named_operands(arguments) if name in (*ir.updated, *ir.read)}
        target = tuple(self.validate_out(out, ir.structure, ir.result_paths, [shape] * len(old), dtype, inputs, ir.updated))
        self.check_layout_of_out(target)
        operands = (*(ravel_all(arrays, shape) for arrays in (target, old, read)), constants)
        run = bind_code(self.code(dtype), operands, shared=old[0].nbytes >= self.parallel_from_bytes)
        return run, ir.pack_result(target, counters), functools.partial(self.fail, arguments, target)

    def prepare_with_gradient(self, point: ElementwiseKernel, arguments: tuple[Any, ...], *, out: Any = None) -> Prepared:
        """Return the same for a step that asks for a gradient, from the kernel of the point where it does."""
        named = dict(zip(self.domains, arguments, strict=True))
        asks = self.options["asks"]
        if not callable(named[asks]):
            raise self.type_error(asks, "be a function", named[asks])
        find_point, place, fail = point.prepare(arguments)
        place[...] = 0
        _, results, _ = self.prepare(tuple((named | {asks: place}).values()), out=out)

        def run() -> None:
            if find_point():
                fail()
            self(results, *(named | {asks: named[asks](place)}).values())

        return run, results, fail

    def fail(self, arguments: tuple[Any, ...], target: Arrays) -> None:
        """Raise the error of a result that is not finite."""
        raise self.nonfinite_error(arguments, target)

    @staticmethod
    def allocate(old: Arrays) -> Arrays:
        """Return fresh arrays like these."""
        return tuple([np.empty(array.shape, array.dtype) for array in old])

    def slow_path(self, out: Any, arguments: tuple[Any, ...]) -> Any:
        """Return the result of any arguments: refuse them as the reference does, or copy them until machine code takes them."""
        ir = self.ir
        old, read, numbers = self.coerce_operands(arguments)
        shape, dtype = old[0].shape, old[0].dtype
        constants, counters = self.constants(*numbers)
        inputs = {name: array for name, array in self.named_operands(arguments) if name in (*ir.updated, *ir.read)}
        target = self.validate_out(out, ir.structure, ir.result_paths, [shape] * len(old), dtype, inputs, ir.updated)
        new = tuple([array if array.flags.carray and array.dtype is dtype else np.empty(shape, dtype) for array in target])
        status = run(self.code(dtype), self.parallel_from_bytes, new, old, read, constants)
        for array, result in zip(target, new, strict=True):
            if array is not result:
                np.copyto(array, result)
        if status != FINITE:
            raise self.nonfinite_error(arguments, tuple(target))
        return ir.pack_result(target if shape or out is not None else unwrap_scalars(target), counters)

    def code(self, dtype: np.dtype[Any]) -> Callable[..., int]:
        """Return the machine code for one dtype, made when first needed."""
        if dtype not in self.machine_code:
            with noticed(self.name, dtype):
                self.machine_code[dtype] = compile_kernel(self.ir, dtype)
        return self.machine_code[dtype]

    def coerce_operands(self, arguments: tuple[Any, ...]) -> tuple[Arrays, Arrays, tuple[Any, ...]]:
        """Return the validated arguments as machine code takes them: native, contiguous, of one dtype."""
        ir = self.ir
        old, read, numbers = ir.unpack_arguments(*self.coerce_arguments(arguments, check_gradient=self.takes_gradient_value))
        dtype = np.dtype(np.asarray(old[0]).dtype.name)
        arrays = []
        for name, array in zip((*ir.updated, *ir.read), map(np.asarray, (*old, *read)), strict=True):
            if array.dtype.name != dtype.name:  # of Python floats, which the reference takes as float64
                raise self.type_error(name, f"be a {dtype} array like {ir.updated[0]}", array)
            arrays.append(np.require(array, dtype, ["C", "A"]))
        return tuple(arrays[: len(old)]), tuple(arrays[len(old) :]), numbers

    def nonfinite_error(self, arguments: tuple[Any, ...], target: Arrays) -> Exception:
        """Return the error of a result that is not finite: the reference's, unless `out` holds the arguments that would tell."""
        from ...reference.validation import validate_result

        given = dict(self.named_operands(arguments))
        overwritten = [name for name, new in zip(self.ir.updated, target, strict=True) if np.shares_memory(given[name], new)]
        self.coerce_arguments(arguments, overwritten, check_gradient=self.takes_gradient_value)
        if not overwritten:
            validate_result(target, self.raw, [])
        return nonfinite_step_error(self.name, overwritten, "out holds the result")


def nonfinite_step_error(formula: str, overwritten: Any, remark: str) -> Exception:
    """Return the error of a step in place whose result is not finite."""
    names = " or ".join(overwritten)
    return ValueError(f"{formula}(): the result is not finite: {names} was outside its domain, or the step overflows ({remark})")


def run(code: Callable[..., int], parallel_from_bytes: int, new: Arrays, old: Arrays, read: Arrays, constants: Numbers) -> int:
    """Run machine code on arrays of any number of axes, with threads where they pay. Return its status."""
    first = old[0]
    if first.ndim != 1:
        new, old, read = (ravel_all(arrays, first.shape) for arrays in (new, old, read))
    if first.nbytes < parallel_from_bytes:
        return code(ALONE, new, old, read, constants)
    return run_shared(code, new, old, read, constants)  # type: ignore[no-any-return]


def ravel_all(arrays: Arrays, shape: tuple[int, ...]) -> Arrays:
    """Return views of one axis of contiguous arrays of this shape."""
    for array in arrays:
        if array.shape != shape or not array.flags.c_contiguous:
            raise TypeError(f"not a contiguous array of shape {shape}")
    return tuple([array.ravel() for array in arrays])


def elementwise(reference: Formula[..., Any], *, updates: str = "", asks: str = "", reciprocals: bool = False) -> Callable[[F], F]:
    """Make a declaration an elementwise kernel: signature and docstring are its own, what it computes is the reference's formula.

    Results without names of their own update the first array, or those named by `updates`; `asks` names the gradient function that the
    formula calls. With `reciprocals` a division by a constant is a multiplication by its reciprocal: three roundings for one.
    """

    def declare_kernel(declared: F) -> F:
        raw = reference.raw
        kernel = ElementwiseKernel(raw, updates=updates, asks=asks, reciprocals=reciprocals)
        if not asks:
            return attach(declare(raw, declared, kernel), kernel)
        point = ElementwiseKernel(raw, asks=asks, compile_point=True)

        def call(out: Any, *arguments: Any) -> Any:
            named = dict(zip(kernel.domains, arguments, strict=True))
            if not callable(named[asks]):
                return reference(**named)  # its error
            named[asks] = named[asks](point(None, *arguments))
            return kernel(out, *named.values())

        return attach(declare(raw, declared, call), kernel, point)

    return declare_kernel


def attach(function: F, kernel: ElementwiseKernel, point: ElementwiseKernel | None = None) -> F:
    """Return the function with its kernel, and that of the point at which it takes a gradient."""
    made: Any = function
    made.kernel, made.point = kernel, point
    return function
