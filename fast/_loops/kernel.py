"""Kernels with hand-written loops.

A loop kernel's loops are called with its output arrays followed by its arguments in order (a state field by field, a choice as its index
among the choices). They return whether something is not finite or not allowed: then the call is repeated by the reference, which raises the
error. They compute in float64 what is one number for many entries, and make threads by `prange` alone, over chunks that depend on the sizes
alone.

Axes of any number (`*batch`) are one axis to the loops, and so is a result whose shape only its arguments tell. An array that is left out
has size 0.

In plain Python the same loops run on symbols (`run_in_python`); so they say a = a + b of numbers, not a += b, which symbols refuse.

Sums use `reassociable_add`, the only operation whose order the compiler may change: it makes vector operations of them, as wide as the
processor has. The rounding bound holds for a sum in any order. One processor always takes the same order, whatever the number of threads.
"""

from __future__ import annotations

import functools
import inspect
import threading
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args, get_origin

import numpy as np
from numba import types
from numba.core.dispatcher import Dispatcher
from numpy import ndarray

from ...reference import tree_leaves, tree_map
from .._frontend import MISSES, Frontend, ShapedFastPath, compile_unpack_out, declare, identifier, merge_batch_axes
from .._jit import FINITE, NOT_FINITE, REFUSED, array_type, cache_key, compiled, inlined, noticed, specialize
from .._parallel import share_loops
from .._threads import ALONE, PARALLEL_FROM_BYTES, bind_code, run_shared

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ...reference import Formula
    from ...reference.validation import Domain

    Prepared = tuple[Callable[[], Any], Any, Callable[[], Any]]

F = TypeVar("F", bound="Callable[..., Any]")


class LoopKernel(Frontend):
    """A formula with hand-written loops. A call takes `out` and all arguments in order.

    shapes: returns the shapes of the results from the arguments, where the annotations do not tell them.
    parallel_from_bytes: the bytes of the largest array from which threads pay.
    prologue, epilogue: what NumPy computes before and after the loops (products of matrices), from the same arguments; the epilogue returns
    whether something is not finite.
    workspace: the axes of arrays that the loops need besides, which follow the results.
    """

    def __init__(
        self,
        reference: Formula[..., Any],
        loops: Callable[..., Any],
        *,
        shapes: Callable[..., Any] | None = None,
        parallel_from_bytes: float = PARALLEL_FROM_BYTES,
        prologue: Callable[..., None] | None = None,
        epilogue: Callable[..., bool] | None = None,
        workspace: tuple[str, ...] = (),
        branches: bool = False,
    ) -> None:
        super().__init__(reference.raw)
        self.reference, self.loops, self.parallel_from_bytes = reference, loops, parallel_from_bytes
        self.result_shapes = shapes
        self.prologue, self.epilogue = prologue, epilogue
        self.workspace_axes = [tuple(axes.split()) for axes in workspace]
        self.branches = branches  # whether the loops compare entries, so that tests need numbers in the place of symbols
        self.machine_code: dict[np.dtype[Any], Callable[..., int]] = {}  # by dtype, made when first needed

    # --- calls -------------------------------------------------------------------------------------------

    def __call__(self, out: Any, *arguments: Any) -> Any:
        """Return the result, in fresh arrays or in `out`."""
        try:
            operands, shapes, dtype, size = self.fast_path(*arguments)
            if out is None:
                new = [np.empty(shape, dtype) for shape in shapes]
            else:
                new = self.unpack_out(out, dtype, shapes)
                if self.prologue:
                    self.check_prologue_overlap(new, arguments)
            status = self.run(dtype, size, new, operands)
        except MISSES:  # or no machine code for them: an array has gaps, or is read-only
            return self.slow_path(out, arguments)
        if status == FINITE:
            return self.pack_result(new, out)
        return self.slow_path(out, arguments) if status == REFUSED else self.reference_fallback(arguments, new, out)

    def prepare(self, arguments: tuple[Any, ...], *, out: Any = None) -> Prepared:
        """Return what computes the results of these arguments anew, these, and what fails for it."""
        self.coerce_arguments(arguments)
        self.check_layout(arguments)
        operands, shapes, dtype, size = self.fast_path(*arguments)
        target = self.validate_out(out, *self.structure_and_paths, shapes, dtype, dict(self.named_operands(arguments)))
        self.check_layout_of_out(target)
        new = [*self.merge_result_axes(target), *self.allocate_workspace(operands)]
        run = bind_code(self.code(dtype), [*new, *operands], shared=size >= self.parallel_from_bytes)
        if self.prologue or self.epilogue:
            run = functools.partial(self.run_with_products, run, new, operands)
        return run, self.build_result(target), functools.partial(self.reference_fallback, arguments, target, out)

    def run_with_products(self, run: Callable[[], int], new: Sequence[Any], operands: Sequence[Any]) -> int:
        """Run the prologue, the loops and the epilogue. Return a status."""
        with np.errstate(all="ignore"):
            if self.prologue:
                self.prologue(*new, *operands)
            status = run()
            if self.epilogue and status == FINITE:
                status = NOT_FINITE if self.epilogue(*new, *operands) else FINITE
        return status

    @staticmethod
    def check_prologue_overlap(new: Sequence[Any], arguments: Sequence[Any]) -> None:
        """Raise where a result may share memory with an argument: the prologue would write to it before the machine code sees it."""
        for array in new:
            if any(isinstance(other, ndarray) and np.may_share_memory(array, other) for other in arguments):
                raise TypeError

    def run(self, dtype: np.dtype[Any], size: int, new: Sequence[Any], operands: tuple[Any, ...]) -> int:
        """Run the prologue, the loops, with threads where they pay, and the epilogue. Return a status."""
        new = self.merge_result_axes(new)
        if self.workspace_axes:
            new = [*new, *self.allocate_workspace(operands)]
        if self.prologue:
            with np.errstate(all="ignore"):
                self.prologue(*new, *operands)
        code = self.machine_code[dtype]
        status = code(ALONE, *new, *operands) if size < self.parallel_from_bytes else run_shared(code, *new, *operands)
        if self.epilogue and status == FINITE:
            with np.errstate(all="ignore"):
                status = NOT_FINITE if self.epilogue(*new, *operands) else FINITE
        return status

    def allocate_workspace(self, operands: Sequence[Any]) -> Sequence[Any]:
        """Return the arrays that the loops need besides."""
        lengths: dict[str, int] = {}
        for domain, operand in zip(self.operands.values(), operands, strict=True):
            if domain.kind == "array":
                lengths |= zip(domain.hint.dim_str.split(), operand.shape, strict=True)
        return [np.empty([lengths[axis] for axis in axes], operands[0].dtype) for axes in self.workspace_axes]

    def slow_path(self, out: Any, arguments: tuple[Any, ...]) -> Any:
        """Return the result of any arguments: refuse them as the reference does, or copy them until machine code takes them."""
        valid = self.coerce_arguments(arguments)
        dtype = next(
            np.dtype(leaf.dtype.name) for leaf in tree_leaves(tuple(valid)) if isinstance(leaf, ndarray) and leaf.dtype.kind == "f"
        )
        native = [tree_map(lambda leaf: as_native(leaf, dtype), value) for value in valid]
        try:
            operands, shapes, _, size = self.fast_path(*native)
        except ValueError:  # an axis has no entries, which the reference's validation lets pass
            self.reference(**dict(zip(self.domains, arguments, strict=True)))
            raise
        target = self.validate_out(out, *self.structure_and_paths, shapes, dtype, dict(self.named_operands(arguments)))
        new = [array if array.flags.carray and array.dtype is dtype else np.empty(array.shape, dtype) for array in target]
        self.code(dtype)
        status = self.run(dtype, size, new, operands)
        for array, result in zip(target, new, strict=True):
            if array is not result:
                np.copyto(array, result)
        return self.reference_fallback(arguments, target, out) if status else self.pack_result(target, out)

    def reference_fallback(self, arguments: tuple[Any, ...], new: Sequence[Any], out: Any) -> Any:
        """Return the reference's result, in these arrays, or raise its error."""
        results = tree_leaves((self.reference(**dict(zip(self.domains, arguments, strict=True))),))
        for array, result in zip(new, results, strict=True):
            np.copyto(array, result)
        return self.pack_result(new, out)

    # --- results -----------------------------------------------------------------------------------------

    @functools.cached_property
    def result_hint(self) -> Any:
        """The annotation of the result."""
        from ...reference.validation import resolve_annotations

        return resolve_annotations(self.raw, self.raw.__module__)["return"]

    @functools.cached_property
    def result_axes(self) -> list[tuple[str, ...]]:
        """The names of the axes of each result; * stands for those that only the arguments tell."""
        from ...reference.validation import domain_of

        hints = get_args(self.result_hint) if get_origin(self.result_hint) is tuple else [self.result_hint]
        known = [None if get_origin(hint) is ndarray else domain_of(hint) for hint in hints]
        parts = [part for domain in known for part in (domain.fields.values() if domain and domain.fields else [domain])]
        return [tuple(part.hint.dim_str.split()) if part else ("*",) for part in parts]

    @functools.cached_property
    def structure_and_paths(self) -> tuple[Any, list[str]]:
        """The structure of `out`, and the paths of its arrays: a tuple also where the result is a state."""
        if get_origin(self.result_hint) is not tuple and not hasattr(self.result_hint, "_fields"):
            return None, [""]
        return (None,) * len(self.result_axes), [f"[{i}]" for i in range(len(self.result_axes))]

    @functools.cached_property
    def unpack_out(self) -> Callable[..., Any]:
        """Return the arrays of an `out` that is plainly valid."""
        return compile_unpack_out(*self.structure_and_paths, with_shapes=True)

    @functools.cached_property
    def merge_result_axes(self) -> Callable[[Sequence[Any]], Sequence[Any]]:
        """Return the results as the loops take them."""
        if not any(axis.startswith("*") for axes in self.result_axes for axis in axes):
            return lambda new: new
        return lambda new: [merge_batch_axes(array, axes) for array, axes in zip(new, self.result_axes, strict=True)]

    def pack_result(self, new: Sequence[Any], out: Any) -> Any:
        """Return the result from its arrays; a fresh array without axes is a number, as NumPy's functions return it."""
        return self.build_result([array if array.shape or out is not None else array[()] for array in new])

    @functools.cached_property
    def build_result(self) -> Callable[[list[Any]], Any]:
        """Return arrays structured as the result is."""
        hint = self.result_hint
        if isinstance(hint, type) and hasattr(hint, "_fields"):
            return lambda new: hint(*new)
        return tuple if get_origin(hint) is tuple else lambda new: new[0]

    # --- generated and compiled --------------------------------------------------------------------------

    @functools.cached_property
    def fast_path(self) -> Callable[..., Any]:
        """Return (operands of the loops, shapes of the results, dtype, bytes of the largest array) of plainly valid arguments."""
        arrays = [name for name, domain in self.operands.items() if domain.kind == "array"]
        path = ShapedFastPath(self, arrays=arrays)
        keywords = [p.name for p in inspect.signature(self.raw).parameters.values() if p.kind is p.KEYWORD_ONLY]
        shapes = "".join(f"({''.join(map(axis_length, axes))}), " for axes in self.result_axes)
        if self.result_shapes:
            path.lines.insert(0, f"shapes = result_shapes({', '.join(f'{n}={n}' if n in keywords else n for n in self.domains)})")
        operands = ", ".join(map(identifier, self.operands))
        sizes = ", ".join(f"{name}.nbytes" for name in path.arrays)
        result = f"({operands},), {'shapes' if self.result_shapes else f'({shapes})'}, dtype, max({sizes}, 0)"
        return path.compile(result, result_shapes=self.result_shapes)

    def code(self, dtype: np.dtype[Any]) -> Callable[..., int]:
        """Return the machine code for one dtype, made when first needed."""
        if dtype not in self.machine_code:
            with noticed(self.name, dtype):
                self.machine_code[dtype] = self.compile(dtype)
        return self.machine_code[dtype]

    def compile(self, dtype: np.dtype[Any]) -> Callable[..., int]:
        """Return machine code that runs the loops on arrays of one dtype, and refuses results that share memory with something."""
        results = [array_type(dtype, len(axes)) for axes in (*self.result_axes, *self.workspace_axes)]
        operands = [operand_type(domain, dtype) for domain in self.operands.values()]
        names = list(inspect.signature(self.loops).parameters)
        new, old = names[: len(results)], names[len(results) :]
        arrays = [name for name, kind in zip(old, operands, strict=False) if isinstance(kind, types.Array)]
        overlaps = [f"overlaps_memory({array}, {other})" for i, array in enumerate(new) for other in (*arrays, *new[:i])]
        refusal = f"if {' | '.join(overlaps)}: return REFUSED"
        key = cache_key(self.loops.__name__, file=self.loops.__code__.co_filename)
        loops = specialize(self.loops, key, overlaps_memory=overlaps_memory, REFUSED=REFUSED)
        arguments = [*results, *operands]
        return compiled(share_loops(loops, refusal, len(arguments)), [types.int64(types.int64, *arguments)], cache=True)

    # --- plain Python ------------------------------------------------------------------------------------

    def run_in_python(self, new: Sequence[Any], arguments: Sequence[Any], **substitutes: Any) -> Any:
        """Run on numbers of any kind, in plain Python. Return whether something is not finite or not allowed."""
        operands: list[Any] = []
        for domain, value in zip(self.domains.values(), arguments, strict=True):
            if domain.fields:
                operands.extend(value)
            elif domain.kind == "choice":
                operands.append(get_args(domain.hint).index(value))
            elif domain.kind == "array":
                empty = np.empty([0] * len(domain.hint.dims))
                operands.append(empty if value is None else merge_batch_axes(value, domain.hint.dim_str.split()))
            else:
                operands.append(value)
        new = [*self.complete_results(self.merge_result_axes(new), object)]
        new += [array.view(type(new[0])) for array in self.allocate_workspace(operands)]
        if self.prologue:
            in_python(self.prologue, **substitutes)(*new, *operands)
        status = in_python(self.loops, **substitutes)(*new, *operands)
        if self.epilogue:
            in_python(self.epilogue, **substitutes)(*new, *operands)
        return status

    def complete_results(self, new: Sequence[Any], dtype: Any) -> Sequence[Any]:
        """Return the results that the loops compute, from those that are asked for."""
        return new


class ComponentKernel(LoopKernel):
    """A kernel for one output of a multi-output kernel. The other outputs are passed as zero-size arrays, which the loops skip."""

    def __init__(self, reference: Formula[..., Any], whole: LoopKernel, index: int) -> None:
        assert whole.result_shapes
        shapes = whole.result_shapes
        super().__init__(
            reference,
            whole.loops,
            shapes=lambda *arguments, **keywords: (shapes(*arguments, **keywords)[index],),
            parallel_from_bytes=whole.parallel_from_bytes,
            branches=whole.branches,
        )
        self.whole, self.index = whole, index

    def compile(self, dtype: np.dtype[Any]) -> Callable[..., int]:
        """Return the other kernel's machine code."""
        code, (before, after) = self.whole.code(dtype), self.empty_results(dtype)
        return lambda workers, result, *operands: code(workers, *before, result, *after, *operands)

    def complete_results(self, new: Sequence[Any], dtype: Any) -> Sequence[Any]:
        """Return the results that the loops compute, from the one that is asked for."""
        before, after = self.empty_results(dtype)
        return [*before, *new, *after]

    def empty_results(self, dtype: Any) -> tuple[list[Any], list[Any]]:
        """Return zero-size arrays for the other results: those before, and those after."""
        others = [np.empty((0,) * len(axes), dtype) for axes in self.whole.result_axes]
        return others[: self.index], others[self.index + 1 :]


class CallStatistics(threading.local):
    """The statistics of the call that a thread is in: those that it takes, or whether it stores them, and where."""

    taken: tuple[Any, ...] = ()
    stores = False
    stored: tuple[Any, ...] = ()


class StatisticsKernel(LoopKernel):
    """A kernel of a normalization, whose statistics can be kept for its gradients.

    Its loops take arrays for the statistics after the results. They have size 0 where nobody asks for the statistics, or has none.
    statistics: the axes of each, whose lengths are those of the arguments, or counts among them.
    """

    def __init__(self, reference: Formula[..., Any], loops: Callable[..., Any], *, statistics: tuple[str, ...], **options: Any) -> None:
        super().__init__(reference, loops, workspace=statistics, **options)
        self.current = CallStatistics()
        self.nothing: dict[np.dtype[Any], list[Any]] = {}  # arrays of size 0, by dtype

    def save(self, wanted: Any, out: Any, *arguments: Any) -> Any:
        """Return the result and its statistics, or the result alone."""
        if type(wanted) is not bool:
            raise self.type_error("save", "be True or False", wanted)
        self.current.stores = wanted
        try:
            result = self(out, *arguments)
            return (result, self.current.stored) if wanted else result
        finally:
            self.current.stores, self.current.stored = False, ()

    def take(self, saved: Any, out: Any, *arguments: Any) -> Any:
        """Return the result, computed from saved statistics."""
        self.check_saved(saved)
        self.current.taken = saved
        try:
            return self(out, *arguments)
        finally:
            self.current.taken = ()

    def prepare(self, arguments: tuple[Any, ...], *, out: Any = None, save: Any = None, saved: Any = None) -> Prepared:
        """Return the same, with statistics that are saved or taken."""
        if save not in (None, False, True):
            raise self.type_error("save", "be True or False", save)
        if saved is not None:
            self.check_saved(saved)
            for i, array in enumerate(saved):
                if isinstance(array, ndarray) and not array.flags.carray:
                    raise self.error(ValueError, f"saved[{i}]", "be C-contiguous, aligned and writeable", "an array that is not")
        self.current.stores, self.current.taken = bool(save), saved or ()
        try:
            run, results, fail = super().prepare(arguments, out=out)
            return (run, (results, self.current.stored), functools.partial(self.fail_to_save, fail)) if save else (run, results, fail)
        finally:
            self.current.stores, self.current.stored, self.current.taken = False, (), ()

    def fail_to_save(self, fail: Callable[[], Any]) -> None:
        """Raise the reference's error, or that of statistics that are not finite."""
        fail()
        raise self.error(ValueError, "save", "be False where the statistics overflow", "True")

    def check_saved(self, saved: Any) -> None:
        """Raise unless this is a tuple of as many arrays as there are statistics."""
        if type(saved) is not tuple or len(saved) != len(self.workspace_axes):
            raise self.type_error("saved", f"be a tuple of {len(self.workspace_axes)} arrays", saved)

    def allocate_workspace(self, operands: Sequence[Any]) -> Sequence[Any]:
        """Return the arrays for the statistics: none, fresh ones, or those that were saved."""
        dtype, taken = operands[0].dtype, self.current.taken
        if not (taken or self.current.stores):
            if dtype not in self.nothing:
                self.nothing[dtype] = [np.empty((0,) * len(axes), dtype) for axes in self.workspace_axes]
            return self.nothing[dtype]
        shapes = self.statistics_shapes(operands)
        if taken:
            return [self.check_statistic(i, array, dtype, shape) for i, (array, shape) in enumerate(zip(taken, shapes, strict=True))]
        self.current.stored = tuple([np.empty(shape, dtype) for shape in shapes])
        return self.current.stored

    def check_statistic(self, i: int, array: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Any:
        """Return a saved array as machine code takes it."""
        if type(array) is ndarray and array.dtype is dtype and array.shape == shape and array.flags.carray:
            return array
        self.check_out_array(f"saved[{i}]", array, shape, dtype, writeable=False)
        return np.require(array, dtype, ["C", "A", "W"])

    @functools.cached_property
    def statistics_shapes(self) -> Callable[[Sequence[Any]], tuple[tuple[int, ...], ...]]:
        """Return the shapes of the statistics from the arguments: their axes are those of arguments, or counts."""
        lengths: dict[str, str] = {}
        for i, (name, domain) in enumerate(self.operands.items()):
            if domain.kind == "array":
                lengths |= {axis: f"operands[{i}].shape[{position}]" for position, axis in enumerate(domain.hint.dim_str.split())}
            elif domain.kind == "count":
                lengths[name] = f"operands[{i}]"
        shapes = "".join(f"({''.join(f'{lengths[axis]}, ' for axis in axes)}), " for axes in self.workspace_axes)
        return eval(f"lambda operands: ({shapes})")  # type: ignore[no-any-return]

    def slow_path(self, out: Any, arguments: tuple[Any, ...]) -> Any:
        """Return the result of any arguments; it may share no memory with saved statistics."""
        saved = [array for array in self.current.taken if isinstance(array, ndarray)]
        for array in tree_leaves((out,)):
            if isinstance(array, ndarray) and any(np.shares_memory(array, other) for other in saved):
                raise self.error(ValueError, "out", "have memory of its own", "memory of saved")
        return super().slow_path(out, arguments)

    def reference_fallback(self, arguments: tuple[Any, ...], new: Sequence[Any], out: Any) -> Any:
        """Return the reference's result, or raise its error; statistics that were asked for must be finite."""
        result = super().reference_fallback(arguments, new, out)
        if self.current.stores:
            raise self.error(ValueError, "save", "be False where the statistics overflow", "True")
        return result


def as_native(leaf: Any, dtype: np.dtype[Any]) -> Any:
    """Return an array in native byte order and C-contiguous: floats of this dtype, or integers of 64 bits; anything else as it is."""
    if not isinstance(leaf, ndarray):
        return leaf
    return np.require(leaf, dtype if leaf.dtype.kind == "f" else np.int64, ["C", "A"])


def operand_type(domain: Domain, dtype: np.dtype[Any]) -> Any:
    """Return Numba's type of an argument of the loops."""
    if domain.kind == "array":
        return array_type(np.dtype(np.int64) if domain.whole else dtype, len(domain.hint.dims), readonly=True)
    return {"number": types.float64, "flag": types.boolean}.get(domain.kind, types.int64)


def axis_length(axis: str) -> str:
    """Return the source of an axis of a shape in the fast path: `axis_m, `, or of several, `*axis_batch, `."""
    return f"{'*' * axis.startswith('*')}axis_{axis.lstrip('*')}, "


@inlined
def overlaps_memory(array: Any, other: Any) -> Any:
    """Return whether two contiguous arrays share memory."""
    return array.ctypes.data < other.ctypes.data + other.nbytes and other.ctypes.data < array.ctypes.data + array.nbytes


def in_python(function: Callable[..., Any], **substitutes: Any) -> Callable[..., Any]:
    """Return the same loops as plain Python, which runs on any numbers; global names may be substituted."""
    pure = getattr(function, "py_func", function)
    compiled_names = (name for name in pure.__code__.co_names if isinstance(pure.__globals__.get(name), Dispatcher))
    parts = {name: in_python(pure.__globals__[name], **substitutes) for name in compiled_names}
    return FunctionType(pure.__code__, {**pure.__globals__, **parts, **substitutes}, pure.__name__, pure.__defaults__)


# --- declarations ------------------------------------------------------------------------------------------


def loop_kernel(reference: Formula[..., Any], loops: Callable[..., Any], **options: Any) -> Callable[[F], F]:
    """Make a declaration a loop kernel: signature and docstring are its own, these loops compute it; the options are `LoopKernel`'s."""
    return declare_kernel(LoopKernel(reference, loops, **options))


def component_of(reference: Formula[..., Any], whole: Any, index: int) -> Callable[[F], F]:
    """Make a declaration the kernel of one of the results of another kernel."""
    return declare_kernel(ComponentKernel(reference, whole.kernel, index))


def keeping_statistics(reference: Formula[..., Any], loops: Callable[..., Any], *, statistics: tuple[str, ...]) -> Callable[[F], F]:
    """Make a declaration the kernel of a normalization: with `save` it also returns its statistics."""
    kernel = StatisticsKernel(reference, loops, statistics=statistics)
    return declare_kernel(kernel, switch=("save", kernel.save))


def taking_statistics(reference: Formula[..., Any], loops: Callable[..., Any], *, statistics: tuple[str, ...]) -> Callable[[F], F]:
    """Make a declaration the kernel of a normalization's gradients: `saved` are the statistics of its results."""
    kernel = StatisticsKernel(reference, loops, statistics=statistics)
    return declare_kernel(kernel, switch=("saved", kernel.take))


def declare_kernel(kernel: LoopKernel, *, switch: tuple[str, Callable[..., Any]] | None = None) -> Callable[[F], F]:
    """Make a declaration the way to call a kernel."""

    def declare_it(declared: F) -> F:
        function: Any = declare(kernel.raw, declared, kernel, switch=switch)
        function.kernel = kernel
        return cast("F", function)

    return declare_it


def value_and_grad(value: Formula[..., Any], gradient: Formula[..., Any]) -> Formula[..., Any]:
    """Return a formula and its gradient as one formula, which returns the pair."""

    def raw(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        return value.raw(*args, **kwargs), gradient.raw(*args, **kwargs)

    def validated(*args: Any, **kwargs: Any) -> Any:
        from ...reference.validation import call_validated

        return call_validated(raw, args, kwargs)

    functools.update_wrapper(raw, value.raw)
    raw.__name__ = f"{value.__name__}_with_grad"
    results = f"tuple[{', '.join(formula.raw.__annotations__['return'] for formula in (value, gradient))}]"
    raw.__annotations__ = value.raw.__annotations__ | {"return": results}
    raw.__signature__ = inspect.signature(value.raw).replace(return_annotation=results)  # type: ignore[attr-defined]
    function: Any = functools.update_wrapper(validated, raw)
    function.raw = raw
    return cast("Formula[..., Any]", function)
