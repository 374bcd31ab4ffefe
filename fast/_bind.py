"""Kernels bound to their arguments: what a call needs is prepared once, and a call computes the results anew in memory that stays."""

from __future__ import annotations

import functools
import inspect
import warnings
from typing import TYPE_CHECKING, Any

from ._elementwise.kernel import ElementwiseKernel
from ._elementwise.multi_tensor import BoundStep
from ._loops.kernel import LoopKernel
from ._random.sampler import Sampler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["bind", "many"]


def bind(function: Callable[..., Any], /, **arguments: Any) -> BoundStep | BoundCall:
    """Bind a function of `trainspec.fast` to its arguments; a call then costs about as much as one of machine code.

    To arrays, as the function takes them, with its options (`out`, `save`, `saved`, `dtype`); what it returns is `results`:

        layer = bind(normalization.layer_norm, x=x, gamma=gamma, beta=beta, eps=1e-5)
        y = layer()                  # the same array at every call: what the arrays hold is read anew
        y = layer(x=other)           # another array, from now on

    To lists of arrays, of an elementwise step, which it updates in place, all in one launch of the threads; of states where it takes a
    state; numbers are for all:

        step = bind(adam.adam, theta=thetas, grad=grads, state=states, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8)
        step()                       # one step of all, in place
        step(grad=others, lr=5e-4)   # other gradients, and another rate: from now on
        step.results                 # [(theta, state), …], as the formula returns them one by one

    Arrays and numbers may be replaced at any call; states in lists are bound once. All arrays are C-contiguous and of one dtype, and no
    result shares memory with another array, except with what it replaces. If a result is not finite, the ValueError comes when the
    arrays hold it; no counter advances. A step that counts, or clips by the norm of all arrays, is bound to lists.
    """
    kernel = getattr(function, "kernel", None) or getattr(function, "sampler", None)
    if not isinstance(kernel, ElementwiseKernel | LoopKernel | Sampler):
        name = getattr(function, "__name__", repr(function))
        raise TypeError(f"bind(): function must be one of trainspec.fast or a @fused function, got {name}")
    has_lists = any(type(value) in (list, tuple) for name, value in arguments.items() if name != "out")
    if isinstance(kernel, ElementwiseKernel) and (kernel.ir.counters or kernel.ir.normed or has_lists):
        if getattr(function, "point", None):
            raise TypeError(f"bind(): {kernel.name} takes a gradient function and cannot be bound to lists; bind it to arrays")
        return BoundStep(kernel, arguments)
    return BoundCall(function, kernel, arguments)


def many(function: Callable[..., Any], /, **arguments: Any) -> BoundStep | BoundCall:
    """Call `bind` by its old name; removed in the next version."""
    warnings.warn("trainspec.fast.many is now trainspec.fast.bind", DeprecationWarning, stacklevel=2)
    return bind(function, **arguments)


class BoundCall:
    """A kernel bound to arrays: `bind` makes it. Changes of the flags or the size of an array afterwards are not noticed."""

    def __init__(self, function: Any, kernel: Any, arguments: Mapping[str, Any]) -> None:
        self.kernel = kernel
        options = [name for name in inspect.signature(function).parameters if name not in kernel.domains]
        self.options = {name: arguments[name] for name in options if name in arguments}
        given = inspect.signature(kernel.raw).bind(**{name: value for name, value in arguments.items() if name not in options})
        given.apply_defaults()
        self.arguments: dict[str, Any] = dict(given.arguments)
        point = getattr(function, "point", None)
        self.prepare_kernel = functools.partial(kernel.prepare_with_gradient, point) if point else kernel.prepare
        self.prepare(self.options.get("out"))

    def prepare(self, out: Any) -> None:
        """Validate the arguments, and keep what a call needs: what runs, its results, and what raises where they are not finite."""
        self.run, self.results, self.fail = self.prepare_kernel(tuple(self.arguments.values()), **self.options | {"out": out})

    def __call__(self, **replaced: Any) -> Any:
        """Return the results, computed anew, with some arguments replaced from now on."""
        if replaced:
            self.replace(replaced)
        if self.run():
            self.fail()
        return self.results

    def replace(self, replaced: dict[str, Any]) -> None:
        """Use other arguments from now on, or the old ones if these are refused. Results stay where they are if they fit."""
        for name in replaced:
            if name not in self.arguments:
                raise TypeError(f"{self.kernel.name}() got an unexpected keyword argument {name!r}")
        before, out = self.arguments, self.results[0] if self.options.get("save") else self.results
        self.arguments = before | replaced
        try:
            try:
                self.prepare(out)
            except (TypeError, ValueError):
                self.prepare(self.options.get("out"))  # of another shape
        except Exception:
            self.arguments = before
            raise
