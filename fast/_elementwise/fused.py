"""Whole updates of a training loop in one pass: formulas of the reference, one after the other, compiled to one kernel."""

from __future__ import annotations

import ast
import functools
import inspect
import warnings
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

import numpy as np

from ...reference import adam, averaging, descent
from ...reference.adam import AdamState
from ...reference.syntax import compile_function
from .._frontend import declare
from .kernel import ElementwiseKernel, attach

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...reference.domains import Array, Decay, Eps, Positive, Rate, Weight

F = TypeVar("F", bound="Callable[..., Any]")

__all__ = ["backward_of", "composed", "fused", "training_step", "training_step_of"]


def fused(*, reciprocals: bool = False) -> Callable[[F], F]:
    """Make a function that calls formulas of the reference a kernel for `bind`; called by itself it is as it was."""

    def attach_kernel(function: F) -> F:
        made: Any = function
        made.kernel = ElementwiseKernel(function, reciprocals=reciprocals)
        return function

    return attach_kernel


def composed(*, reciprocals: bool = False) -> Callable[[F], F]:
    """Call `fused` by its old name; removed in the next version."""
    warnings.warn("trainspec.fast.composed is now trainspec.fast.fused", DeprecationWarning, stacklevel=2)
    return fused(reciprocals=reciprocals)


@fused(reciprocals=True)
def training_step(
    theta: Array,
    grad: Array,
    state: AdamState,
    mean: Array,
    *,
    largest: Positive,
    lr: Rate,
    beta1: Decay,
    beta2: Decay,
    eps: Eps,
    weight_decay: Weight,
    decay: Decay,
) -> tuple[Array, Array, AdamState, Array]:
    """AdamW with a clipped gradient, a moving average of its points, and a gradient of zeros to add the next ones to.

    As it stands it is the reference, for one array. `bind` reads all arrays once for the norm, and once for the rest.
    """
    norm = descent.global_norm(grad)
    grad = descent.clip_by_norm(grad, norm, largest=largest)
    theta, state = adam.adamw(theta, grad, state, lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)
    mean = averaging.parameter_average(theta, mean, decay=decay)
    grad = np.zeros_like(grad)
    return theta, grad, state, mean


WHOLE_UPDATE = """
def {name}({positional}, average, *, max_norm, {keywords}, average_decay):
    grad = descent.clip_by_norm(grad, descent.global_norm(grad), largest=max_norm)
    {results} = step({positional}, {hyper})
    average = averaging.parameter_average({point}, average, decay=average_decay)
    grad = np.zeros_like(grad)
    return {point}, grad, {states}average
"""

BACKWARD = """
def {name}(dh, {argument}{keywords}):
    return dh * slope({argument}, {hyper})
"""


@functools.cache
def count_of_results(raw: Callable[..., Any]) -> int:
    """Return how many results a formula has, a state as one."""
    from ...reference.validation import resolve_annotations  # only here: it loads jaxtyping

    hint = resolve_annotations(raw, raw.__module__)["return"]
    return len(get_args(hint)) if get_origin(hint) is tuple else 1


def training_step_of(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return the whole update around a step of `trainspec.fast`, for `bind`.

        update = training_step_of(adaptive.rmsprop)
        step = bind(update, theta=thetas, grad=grads, mean_sq=squares, average=averages, max_norm=1.0, average_decay=0.999, lr=…, …)

    The gradient is clipped to `max_norm` over all arrays, the step taken, its points averaged, and the gradient set to 0. Called by itself,
    the function is the reference, for one array. It returns (point, grad, states of the step, average).
    """
    kernel = getattr(step, "kernel", None)
    parameters = inspect.signature(step).parameters
    if not isinstance(kernel, ElementwiseKernel) or getattr(step, "point", None) or list(parameters)[1:2] != ["grad"]:
        name = getattr(step, "__name__", repr(step))
        raise TypeError(f"training_step_of(): step must be an elementwise kernel of trainspec.fast that takes a gradient, got {name}")
    raw = kernel.raw
    positional, keywords, stated = arguments_of(raw)
    point, gradient, *others = positional
    states = others[len(others) + 1 - count_of_results(raw) :]  # what a step only reads comes before them
    source = WHOLE_UPDATE.format(
        name=f"{raw.__name__}_training_step",
        positional=", ".join(positional),
        keywords=stated,
        hyper=passed(keywords),
        results=", ".join([point, *states]),
        point=point,
        states="".join(f"{state}, " for state in states),
    )
    own = raw.__annotations__
    function = formula_of(source, raw, {"np": np, "descent": descent, "averaging": averaging, "step": raw.__globals__[raw.__name__]})
    function.__doc__ = f"Clip the gradient, take a step of {raw.__name__}, average its points."
    result = f"tuple[{', '.join(own[name] for name in (point, gradient, *states))}, Array]"
    function.__annotations__ = {name: own[name] for name in positional} | {"average": "Array", "max_norm": "Positive"}
    function.__annotations__ |= {name: own[name] for name in keywords} | {"average_decay": "Decay", "return": result}
    function.kernel = ElementwiseKernel(function, reciprocals=kernel.options.get("reciprocals", False), tree=function.tree)
    return function  # type: ignore[no-any-return]


def backward_of(slope: Callable[..., Any]) -> Callable[..., Any]:
    """Return the gradient by the input of an activation, from its slope in `trainspec.fast`: both in one pass.

        silu_backward = backward_of(activations.swish_slope)
        dz = silu_backward(dh, z)
        silu_backward(dh, z, out=dh)  # over the gradient by the output

    It takes the gradient by the output before the arguments of the slope; the result is that of dh * slope(…), to the last bit.
    """
    kernel = getattr(slope, "kernel", None)
    if not isinstance(kernel, ElementwiseKernel) or len(kernel.ir.updated) != 1 or kernel.ir.read or kernel.ir.normed:
        name = getattr(slope, "__name__", repr(slope))
        raise TypeError(f"backward_of(): slope must be an elementwise kernel of trainspec.fast of one array, got {name}")
    raw = kernel.raw
    positional, keywords, stated = arguments_of(raw)
    source = BACKWARD.format(
        name=f"{raw.__name__}_backward", argument=positional[0], keywords=stated and f", *, {stated}", hyper=passed(keywords)
    )
    function = formula_of(source, raw, {"slope": raw.__globals__[raw.__name__]})
    function.__doc__ = f"Multiply the gradient by the output by {raw.__name__}: dz = dh h'."
    function.__annotations__ = {"dh": "Array"} | raw.__annotations__
    kernel = ElementwiseKernel(function, **kernel.options, tree=function.tree)
    signature = inspect.signature(function)
    taken = inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None, annotation="Out")
    made: Any = attach(declare(function, function, kernel), kernel)
    made.__signature__ = signature.replace(parameters=[*signature.parameters.values(), taken])
    return made  # type: ignore[no-any-return]


def arguments_of(raw: Callable[..., Any]) -> tuple[list[str], list[str], str]:
    """Return the arguments of a formula by position, those by keyword, and these as they are stated."""
    stated = inspect.signature(raw).parameters
    positional = [name for name, parameter in stated.items() if parameter.kind is not parameter.KEYWORD_ONLY]
    keywords = [name for name in stated if name not in positional]
    defaults = {name: stated[name].default for name in keywords}
    return (
        positional,
        keywords,
        ", ".join(name if default is inspect.Parameter.empty else f"{name}={default!r}" for name, default in defaults.items()),
    )


def passed(keywords: list[str]) -> str:
    """Return the arguments by keyword as they are passed on."""
    return ", ".join(f"{name}={name}" for name in keywords)


def formula_of(source: str, raw: Callable[..., Any], names: dict[str, Any]) -> Any:
    """Return the function that a source defines, in the module of a formula and with these names besides; its tree is kept with it."""
    (tree,) = ast.parse(source).body
    assert isinstance(tree, ast.FunctionDef)
    function: Any = compile_function(tree, raw.__globals__ | names, raw.__code__.co_filename)
    function.__module__, function.tree = raw.__module__, tree
    return function
