"""Binding: which parameter of a plain function is which argument of a formula, and what the function takes for granted."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np

from ....reference import Formula
from ....reference.validation import Domain, domains
from ..implementation import REQUIRED
from ..optimizers.runner import Refusal

NEUTRAL: Mapping[str, float] = {"gamma": 1.0, "beta": 0.0, "bias": 0.0, "grad_output": 1.0}  # arrays that may be left out

SYNONYMS: Mapping[str, tuple[str, ...]] = {  # our name: the others in use, in lower case
    "x": ("input", "inputs", "inp", "x_in", "data", "activations", "features", "a", "h"),
    "dy": ("dout", "grad_output", "grad_out", "dl_dy", "upstream", "g", "grad_y", "delta", "dz"),
    "dz": ("dout", "grad_output", "dy", "delta"),
    "dh": ("dout", "grad_output", "dy"),
    "gamma": ("weight", "scale", "g", "w"),
    "beta": ("bias", "shift", "offset", "b"),
    "eps": ("epsilon", "stabilizer", "delta"),
    "mean": ("running_mean", "moving_mean", "mu", "average", "avg", "ema"),
    "var": ("running_var", "moving_variance", "moving_var", "running_variance", "variance", "sigma2"),
    "deviation": ("running_std", "std", "sigma"),
    "momentum": ("mu", "beta", "alpha", "rho"),
    "decay": ("rho", "beta", "alpha", "momentum", "gamma", "rate", "decay_rate", "beta1"),
    "theta": ("params", "param", "p", "w", "weights", "x", "parameters"),
    "grad": ("g", "gradient", "grads", "dw"),
    "velocity": ("v", "buf", "velocities"),
    "lr": ("learning_rate", "eta", "step_size", "alpha", "base_lr", "initial_learning_rate", "lr0"),
    "step": ("t", "k", "epoch", "it", "iteration", "n", "count", "global_step"),
    "update": ("t", "k", "step", "epoch", "it", "iteration", "n"),
    "steps": ("t", "k", "n", "iterations", "step"),
    "period": ("step_size", "decay_steps", "every", "steps"),
    "factor": ("gamma", "drop", "decay_rate", "decay"),
    "horizon": ("total_steps", "decay_steps", "max_steps", "steps", "tau", "total"),
    "end": ("end_lr", "lr_min", "final_lr", "min_lr", "end_learning_rate", "end_value"),
    "logits": ("scores", "z", "x", "y_pred", "pred", "input", "inputs"),
    "labels": ("y", "targets", "target", "y_true", "label"),
    "targets": ("y", "t", "y_true", "target", "labels"),
    "predictions": ("y_pred", "pred", "preds", "yhat", "y_hat", "input", "outputs"),
    "signs": ("y", "labels", "targets"),
    "inputs": ("x", "features", "data"),
    "weights": ("w", "theta", "weight"),
    "weight": ("w", "weights", "kernel"),
    "bias": ("b", "biases"),
    "reduction": ("reduce",),
    "threshold": ("delta",),
    "smoothing": ("label_smoothing",),
    "correction": ("ddof", "unbiased"),
    "groups": ("num_groups", "g", "n_groups"),
    "source": ("rng", "generator", "random", "key", "seed"),
    "fan_out": ("out_features", "n_out", "outputs", "out", "rows"),
    "fan_in": ("in_features", "n_in", "inputs", "in_", "columns"),
    "beta1": ("b1", "beta_1"),
    "beta2": ("b2", "beta_2"),
    "point": ("x", "xy", "p", "theta"),
    "z": ("x", "logits", "a", "input", "t"),
    "losses": ("loss", "values", "x"),
    "hessian": ("h",),
    "curvature": ("h", "lam", "lambda_", "eigenvalue"),
    "size": ("m", "batch_size", "n"),
}

LIKELY: Mapping[str, tuple[Any, ...]] = {  # what is built into functions that do not ask
    "eps": (1e-5, 1e-3, 1e-6, 1e-8, 1e-7, 1e-12, 0.0),
    "momentum": (0.9, 0.99, 0.1, 0.01, 0.999),
    "decay": (0.9, 0.99, 0.999, 0.1),
    "beta1": (0.9,),
    "beta2": (0.999, 0.99),
    "lr": (1.0, 0.1, 0.01, 0.001),
    "weight_decay": (0.0, 0.01),
    "threshold": (1.0,),
    "factor": (0.1, 0.5),
    "low": (0.0, -1.0),
    "high": (1.0,),
    "constant_scale": (1.0,),
    "r_max": (3.0,),
    "d_max": (5.0,),
}


@dataclass(frozen=True)
class Binding:
    """How a function is called: its parameters with the paths of what they are given, and what it does not ask for."""

    by_position: tuple[str, ...] = ()  # paths: an argument of the formula, or a field of a state as state.field
    by_name: Mapping[str, str] = field(default_factory=dict)  # theirs: path
    constants: Mapping[str, Any] = field(default_factory=dict)  # parameters of theirs that no argument of ours is
    open: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)  # arguments of ours that it does not take, and what they may be

    def call(self, function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
        """The function at the arguments of a case."""
        given = [at(arguments, path) for path in self.by_position]
        return function(*given, **{name: at(arguments, path) for name, path in self.by_name.items()}, **self.constants)


def at(arguments: Mapping[str, Any], path: str) -> Any:
    """An argument, or a field of one that is a state."""
    name, _, part = path.partition(".")
    return getattr(arguments[name], part) if part else arguments[name]


def bind(
    function: Callable[..., Any],
    formula: Formula[..., Any],
    names: Mapping[str, str],
    settings: Mapping[str, Any],
    fixed: Mapping[str, Any],
) -> tuple[Binding, dict[str, Any]]:
    """How a function is called as a formula, and the arguments that are pinned; Refusal where that cannot be said."""
    given = domains(formula.raw)
    theirs = parameters_of(function, given)
    taken = matched(theirs, given, names, formula, fixed)
    pinned, constants = dict(fixed), {}
    for name, value in settings.items():
        mine = taken.get(name) or names.get(name) or ours(name, given)
        if mine in given:
            pinned[mine] = value
        elif name in theirs:
            constants[name] = value
        else:
            raise Refusal(f"neither it nor {formula.id} takes {name!r}; it takes {', '.join(theirs) or 'nothing'}")
    missing = [name for name in given if name not in fixed and not any(path.partition(".")[0] == name for path in taken.values())]
    if open_to_any(function):
        named = {name: name for name in missing}
        missing = []
    else:
        named = {}
    unasked = {name: likely(name, given[name], formula) for name in missing if name not in pinned}
    if nothing := [name for name, values in unasked.items() if not values]:
        raise Refusal(unmatched(nothing, [one for one in theirs if one not in taken], theirs, formula))
    positional = tuple(taken[name] for name, one in theirs.items() if name in taken and one.kind is one.POSITIONAL_ONLY)
    by_name = {name: taken[name] for name, one in theirs.items() if name in taken and one.kind is not one.POSITIONAL_ONLY}
    return Binding(positional, {**by_name, **named}, constants, unasked), pinned


def parameters_of(function: Callable[..., Any], given: Mapping[str, Domain]) -> dict[str, inspect.Parameter]:
    """The parameters of a function; one without a signature is taken to have those of the formula, by position."""
    try:
        found = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        found = None
    ufunc_inputs = getattr(function, "nin", None)
    if found is None or ufunc_inputs is not None or any(one.kind is one.VAR_POSITIONAL for one in found):
        names = list(given)[: ufunc_inputs or len(given)]
        return {name: inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in names}
    return {one.name: one for one in found if one.kind is not one.VAR_KEYWORD}


def open_to_any(function: Callable[..., Any]) -> bool:
    """Whether a function takes any keyword, and nothing by position."""
    try:
        found = list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        return False
    return any(one.kind is one.VAR_KEYWORD for one in found)


def matched(
    theirs: Mapping[str, inspect.Parameter], given: Mapping[str, Domain], names: Mapping[str, str], formula: Any, fixed: Mapping[str, Any]
) -> dict[str, str]:
    """The path of what each of their parameters is given: said, of the same name, of a name in use, a field of a state, or by position."""
    taken: dict[str, str] = {}
    for name, mine in names.items():
        if name not in theirs:
            raise Refusal(f"it takes no {name!r}; it takes {', '.join(theirs) or 'nothing'}")
        if mine not in paths(given):
            raise Refusal(f"{formula.id} takes no {mine!r}; it takes {', '.join(paths(given))}")
        taken[name] = mine
    free = [one for one in given if one not in fixed and one not in taken.values()]
    for name in theirs:
        if name in free and name not in taken:
            taken[name] = name
    for name in theirs:
        if name not in taken and (mine := ours(name, [one for one in free if one not in taken.values()])):
            taken[name] = mine
    taken |= fields_taken(theirs, given, taken)
    rest = [one for one, kind in theirs.items() if one not in taken and kind.default is REQUIRED]
    roots = {path.partition(".")[0] for path in taken.values()}
    left = [one for one in free if one not in roots]
    must = [one for one in left if not likely(one, given[one], formula)]
    if rest and len(rest) == len(left):
        return {**taken, **dict(zip(rest, left, strict=True))}
    if rest and len(rest) == len(must):
        return {**taken, **dict(zip(rest, must, strict=True))}
    if rest:
        raise Refusal(unmatched(left, rest, theirs, formula))
    return taken


def fields_taken(theirs: Iterable[str], given: Mapping[str, Domain], taken: Mapping[str, str]) -> dict[str, str]:
    """The fields of a state that a function takes one by one."""
    found: dict[str, str] = {}
    for state, domain in given.items():
        if domain.kind == "state" and state not in taken.values():
            parts = {name: f"{state}.{mine}" for name in theirs if name not in taken and (mine := ours(name, domain.fields))}
            if set(parts.values()) == {f"{state}.{one}" for one in domain.fields}:
                found |= parts
    return found


def paths(given: Mapping[str, Domain]) -> list[str]:
    """All that a parameter may be given: the arguments, and the fields of states."""
    return [*given, *(f"{name}.{key}" for name, domain in given.items() for key in domain.fields)]


def ours(name: str, free: Iterable[str]) -> str:
    """The one of our names that theirs means, or nothing; case and underscores at the ends do not count."""
    plain = name.strip("_").lower()
    exact = [mine for mine in free if plain == mine.lower()]
    close = [mine for mine in free if plain in SYNONYMS.get(mine, ())]
    return (exact or close or [""])[0]


def likely(name: str, domain: Domain, formula: Any) -> tuple[Any, ...]:
    """What an argument that a function does not ask for may be: its default, its presets, what is usual; nothing where only it can say."""
    if domain.optional:
        return (None,)
    if domain.kind == "choice":
        return get_args(domain.hint)
    if domain.kind == "flag":
        return (False, True)
    default = formula.raw.__kwdefaults__ or {}
    first = (default[name],) if name in default else ()
    if domain.kind == "array":
        return (NEUTRAL[name],) if name in NEUTRAL else ()
    low, high = domain.interval.low, domain.interval.high
    whole = tuple(range(int(low), int(high) + 1)) if domain.kind == "count" and np.isfinite(low) and np.isfinite(high) else ()
    share = (0.0, 1.0) if name in ("correction",) else ()
    return tuple(dict.fromkeys((*first, *presets(formula.id, name), *whole, *share, *LIKELY.get(name, ()))))


def presets(identifier: str, name: str) -> list[float]:
    """The values of an argument in the presets of a catalogue entry."""
    from ...catalogue import catalogue

    entry = catalogue().entries.get(identifier)
    return [float(preset.values[name]) for preset in entry.presets if name in preset.values] if entry else []


def unmatched(left: list[str], rest: list[str], theirs: Iterable[str], formula: Any) -> str:
    """What to say where parameters and arguments do not fit."""
    words = f"it takes {', '.join(theirs) or 'nothing'}; {formula.id} takes {', '.join(domains(formula.raw))}"
    if rest and left:
        return f"{words}: say what {', '.join(rest)} {'is' if len(rest) == 1 else 'are'}, as in --names {rest[0]}={left[0]}"
    if left:
        return f"{words}: say what {', '.join(left)} {'is' if len(left) == 1 else 'are'} in it, as in --set {left[0]}=1"
    return f"{words}: say what {', '.join(rest)} {'is' if len(rest) == 1 else 'are'}, as in --set {rest[0]}=1"
