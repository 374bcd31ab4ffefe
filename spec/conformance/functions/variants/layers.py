"""Variants of the normalization layers, generated from their axes: the kind of variance, the place of eps, what shares statistics."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .....reference.normalization import RunningDeviations, RunningStats
from . import add, variant

# --- statistics ---------------------------------------------------------------------------------------------------------------------------


def biased(x: Any, over: Any) -> Any:
    """The mean square of the deviations."""
    return np.mean((x - np.mean(x, axis=over, keepdims=True)) ** 2, axis=over, keepdims=True)


def entries(x: Any, over: Any) -> int:
    """How many entries share a statistic."""
    return int(np.prod([x.shape[axis] for axis in (over if isinstance(over, tuple) else (over,))]))


def unbiased(x: Any, over: Any) -> Any:
    """The variance divided by n − 1."""
    n = entries(x, over)
    return biased(x, over) * n / (n - 1)


def one_pass(x: Any, over: Any) -> Any:
    """The mean of the squares less the square of the mean: equal in real numbers, and of no worth far from 0."""
    return np.maximum(np.mean(x**2, axis=over, keepdims=True) - np.mean(x, axis=over, keepdims=True) ** 2, 0)


def mean_square(x: Any, over: Any) -> Any:
    """The mean square, without taking the mean off."""
    return np.mean(x**2, axis=over, keepdims=True)


VARIANCES: Mapping[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "biased": ("", biased),
    "unbiased": ("the variance divided by n − 1", unbiased),
    "one-pass": ("the variance in one pass over the data, which loses digits", one_pass),
    "mean-square": ("the mean square in the place of the variance", mean_square),
}

DIVISORS: Mapping[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "inside": ("", lambda var, eps: np.sqrt(var + eps)),
    "outside": ("eps added to the root", lambda var, eps: np.sqrt(var) + eps),
    "squared": ("eps squared inside the root", lambda var, eps: np.sqrt(var + eps**2)),
    "both": ("eps inside the root and added to it", lambda var, eps: np.sqrt(var + eps) + eps),
    "largest": ("eps as a floor of the root", lambda var, eps: np.maximum(np.sqrt(var), eps)),
    "floor": ("eps as a floor of the variance", lambda var, eps: np.sqrt(np.maximum(var, eps))),
    "none": ("no eps", lambda var, eps: np.sqrt(var)),
    "no-root": ("the variance and eps in the place of their root", lambda var, eps: var + eps),
}

CENTRES: Mapping[str, tuple[str, bool]] = {"mean": ("", True), "none": ("the mean not taken off", False)}


@dataclass(frozen=True)
class Layer:
    """A layer: over which axes its statistics go, how its scale and shift stand beside x, and which other axes it may be confused with."""

    forward: str
    over: Any
    beside: Callable[[Any], Any]
    confused: Mapping[str, Any]
    centred: bool = True


def as_row(gamma: Any) -> Any:
    """One number a column."""
    return gamma


def as_channel(gamma: Any) -> Any:
    """One number a channel of images."""
    return np.expand_dims(gamma, (1, 2))


LAYERS = (
    Layer("norm.batch.affine", 0, as_row, {"features": 1, "everything": (0, 1)}),
    Layer("norm.layer", 1, as_row, {"batch": 0, "everything": (0, 1)}),
    Layer("norm.rms", 1, as_row, {"batch": 0, "everything": (0, 1)}, centred=False),
    Layer(
        "norm.batch.conv",
        (0, 2, 3),
        as_channel,
        {"batch": 0, "places": (2, 3), "channels-and-places": (1, 2, 3), "everything": (0, 1, 2, 3)},
    ),
    Layer(
        "norm.instance",
        (2, 3),
        as_channel,
        {"batch": 0, "batch-and-places": (0, 2, 3), "channels-and-places": (1, 2, 3), "height": 2, "width": 3, "channels": 1},
    ),
)


def forward(layer: Layer, over: Any, variance: Any, divisor: Any, centred: bool, x: Any, gamma: Any, eps: Any, beta: Any = 0) -> Any:
    """A layer's output by one choice on each axis."""
    shift = layer.beside(beta) if np.ndim(beta) else beta
    centre = np.mean(x, axis=over, keepdims=True) if centred else 0
    return layer.beside(gamma) * (x - centre) / divisor(variance(x, over), eps) + shift


def choices(layer: Layer) -> Iterator[tuple[dict[str, str], list[str], Callable[..., Any]]]:
    """The combinations of the axes, but for the right one: their values, their words, and the function; two changes at most."""
    kinds = (
        {**VARIANCES}
        if layer.centred
        else {"mean-square": ("", mean_square), "variance": ("the variance in the place of the mean square", biased)}
    )
    overs = {"own": ("", layer.over), **{name: (f"statistics over {name.replace('-', ' ')}", one) for name, one in layer.confused.items()}}
    centres = {**CENTRES} if layer.centred else {"none": ("", False), "mean": ("the mean taken off", True)}
    for (kind, (of_kind, variance)), (eps, (of_eps, divisor)), (over, (of_over, axes)), (centre, (of_centre, centred)) in itertools.product(
        kinds.items(), DIVISORS.items(), overs.items(), centres.items()
    ):
        words = [one for one in (of_kind, of_eps, of_over, of_centre) if one]
        if 0 < len(words) <= 2 and (kind != "one-pass" or len(words) == 1):
            named = {"variance": kind, "eps": eps, "over": over, "centre": centre}
            yield named, words, partial(forward, layer, axes, variance, divisor, centred)


def forwards() -> None:
    """Every layer forward, by its axes."""
    for layer in LAYERS:
        for axes, words, function in choices(layer):
            unstable = axes["variance"] == "one-pass" and len(words) == 1
            add(
                layer.forward,
                label=label(axes, centred=layer.centred),
                words=f"with {' and '.join(words)}",
                function=function,
                axes=axes,
                unstable=unstable,
            )
            if layer.forward == "norm.batch.affine":
                plain = partial(without_affine, function)
                add(
                    "norm.batch.normalize",
                    label=label(axes),
                    words=f"with {' and '.join(words)}",
                    function=plain,
                    axes=axes,
                    unstable=unstable,
                )
        affine(layer)


def without_affine(function: Callable[..., Any], x: Any, eps: Any) -> Any:
    """A layer whose scale is 1 and whose shift is 0."""
    return function(x=x, gamma=np.ones_like(x[0]), beta=0, eps=eps)


def label(axes: Mapping[str, str], *, centred: bool = True) -> str:
    """The values on the axes that are not the plain ones."""
    own = {"variance": ("biased",), "centre": ("mean",)} if centred else {"variance": ("mean-square",), "centre": ("none",)}
    plain = {**own, "eps": ("inside",), "over": ("own",)}
    return "/".join(value if key != "eps" else f"eps-{value}" for key, value in axes.items() if value not in plain.get(key, ()))


def affine(layer: Layer) -> None:
    """What is done with the scale and the shift."""
    right = partial(forward, layer, layer.over, biased if layer.centred else mean_square, DIVISORS["inside"][1], layer.centred)

    def shifted_first(x: Any, gamma: Any, beta: Any, eps: Any) -> Any:
        return right(x=x, gamma=gamma, eps=eps) + layer.beside(gamma) * layer.beside(beta)

    def one_plus(x: Any, gamma: Any, eps: Any, beta: Any = 0) -> Any:
        return right(x=x, gamma=1 + gamma, beta=beta, eps=eps)

    def divided(x: Any, gamma: Any, eps: Any, beta: Any = 0) -> Any:
        return right(x=x, gamma=1 / gamma, beta=beta, eps=eps)

    if layer.centred:
        add(
            layer.forward,
            label="shifted-first",
            words="with the shift inside the scale: γ (x̂ + β)",
            function=shifted_first,
            axes={"affine": "shifted-first"},
        )
    add(layer.forward, label="one-plus-gamma", words="with 1 + γ as the scale", function=one_plus, axes={"affine": "one-plus-gamma"})
    add(layer.forward, label="divided-by-gamma", words="with γ as a divisor", function=divided, axes={"affine": "divided"})


forwards()


# --- groups -------------------------------------------------------------------------------------------------------------------------------


def grouped(x: Any, groups: int, interleaved: bool) -> Any:
    """Channels by groups: (n, groups, members, places)."""
    n, c = x.shape[:2]
    flat = x.reshape(n, c, -1)
    if not interleaved:
        return flat.reshape(n, groups, c // groups, -1)
    return np.transpose(flat.reshape(n, c // groups, groups, -1), (0, 2, 1, 3))


def group(x: Any, gamma: Any, beta: Any, groups: int, eps: Any, *, interleaved: bool, variance: Any, divisor: Any) -> Any:
    """Group normalization by one choice on each axis; interleaved, channel i belongs to group i modulo their number."""
    parts = grouped(x, groups, interleaved)
    x_hat = (parts - np.mean(parts, axis=(2, 3), keepdims=True)) / divisor(variance(parts, (2, 3)), eps)
    if interleaved:
        x_hat = np.transpose(x_hat, (0, 2, 1, 3))
    return as_channel(gamma) * x_hat.reshape(x.shape) + as_channel(beta)


for kind, eps_place, mixed in itertools.product(VARIANCES, DIVISORS, (False, True)):
    found = [VARIANCES[kind][0], DIVISORS[eps_place][0], "the channels of a group interleaved" if mixed else ""]
    if 0 < sum(map(bool, found)) <= 2 and (kind != "one-pass" or sum(map(bool, found)) == 1):
        add(
            "norm.group",
            label="/".join(
                filter(
                    None,
                    [kind if kind != "biased" else "", f"eps-{eps_place}" if eps_place != "inside" else "", "interleaved" if mixed else ""],
                )
            ),
            words=f"with {' and '.join(filter(None, found))}",
            function=partial(group, interleaved=mixed, variance=VARIANCES[kind][1], divisor=DIVISORS[eps_place][1]),
            axes={"variance": kind, "eps": eps_place, "channels": "interleaved" if mixed else "contiguous"},
            unstable=kind == "one-pass" and eps_place == "inside" and not mixed,
        )


@variant("norm.group", words="with the number of groups taken for the channels in each", grouping="members")
def group_of_members(x: Any, gamma: Any, beta: Any, groups: int, eps: Any) -> Any:
    """Groups of so many channels, instead of so many groups."""
    return group(x, gamma, beta, x.shape[1] // groups, eps, interleaved=False, variance=biased, divisor=DIVISORS["inside"][1])


# --- backward -----------------------------------------------------------------------------------------------------------------------------

TERMS: Mapping[str, tuple[str, bool, bool]] = {  # which of the two paths through the statistics are there: the mean's, the variance's
    "all": ("", True, True),
    "no-mean": ("the mean treated as a constant: its term is missing", False, True),
    "no-variance": ("the variance treated as a constant: its term is missing", True, False),
    "none": ("the statistics treated as constants", False, False),
}

GAMMAS: Mapping[str, str] = {"normalized": "", "centred": "dγ without the division by the root", "raw": "dγ of x in the place of x̂"}
REDUCED: Mapping[str, str] = {"sum": "", "mean": "dγ and dβ as means over the examples"}
SCALED: Mapping[str, str] = {"times": "", "missing": "dx without γ", "divided": "dx divided by γ"}


@dataclass(frozen=True)
class Backward:
    """A layer's gradients: its axes as in forward, whether the mean is taken off, whether γ stands within the means over features."""

    formula: str
    over: Any
    sums: Any  # the axes that dγ and dβ are summed over
    beside: Callable[[Any], Any]
    centred: bool = True

    def call(
        self, terms: str, gammas: str, reduced: str, scaled: str, variance: str, eps_place: str, dy: Any, x: Any, gamma: Any, eps: Any
    ) -> Any:
        """The gradients by one choice on each axis."""
        centre = np.mean(x, axis=self.over, keepdims=True) if self.centred else 0
        statistic = VARIANCES[variance][1] if self.centred else mean_square
        std = DIVISORS[eps_place][1](statistic(x, self.over), eps)
        x_hat = (x - centre) / std
        factor = {"times": self.beside(gamma), "missing": 1, "divided": 1 / self.beside(gamma)}[scaled]
        slopes = factor * dy
        _, by_mean, by_variance = TERMS[terms]
        bent = slopes - (np.mean(slopes, axis=self.over, keepdims=True) if by_mean and self.centred else 0)
        bent = bent - (x_hat * np.mean(slopes * x_hat, axis=self.over, keepdims=True) if by_variance else 0)
        add_up = np.mean if reduced == "mean" else np.sum
        seen = {"normalized": x_hat, "centred": x - centre, "raw": x}[gammas]
        found = bent / std, add_up(dy * seen, axis=self.sums), add_up(dy, axis=self.sums)
        return found if self.centred else found[:2]


BACKWARDS = (
    Backward("norm.batch.backward", 0, 0, as_row),
    Backward("norm.batch.backward.staged", 0, 0, as_row),
    Backward("norm.layer.backward", 1, 0, as_row),
    Backward("norm.rms.backward", 1, 0, as_row, centred=False),
    Backward("norm.batch.conv.backward", (0, 2, 3), (0, 2, 3), as_channel),
    Backward("norm.instance.backward", (2, 3), (0, 2, 3), as_channel),
)


def backwards() -> None:
    """Every layer backward, by its axes; two changes at most."""
    for layer in BACKWARDS:
        for terms, gammas, reduced, scaled, variance, eps_place in itertools.product(
            TERMS, GAMMAS, REDUCED, SCALED, ("biased", "unbiased", "one-pass"), ("inside", "outside", "none")
        ):
            words = [TERMS[terms][0], GAMMAS[gammas], REDUCED[reduced], SCALED[scaled], VARIANCES[variance][0], DIVISORS[eps_place][0]]
            words = [one for one in words if one]
            if (
                not 0 < len(words) <= 2
                or (variance == "one-pass" and len(words) > 1)
                or (not layer.centred and (variance != "biased" or terms in ("no-mean", "none") or gammas == "centred"))
            ):
                continue
            named = {"terms": terms, "gamma": gammas, "reduction": reduced, "scale": scaled, "variance": variance, "eps": eps_place}
            plain = {"all", "normalized", "sum", "times", "biased", "inside"}
            add(
                layer.formula,
                label="/".join(f"{key}-{value}" for key, value in named.items() if value not in plain),
                words=f"with {' and '.join(words)}",
                function=partial(layer.call, terms, gammas, reduced, scaled, variance, eps_place),
                axes=named,
                unstable=variance == "one-pass" and len(words) == 1,
            )


backwards()


@variant("norm.layer.backward", words="with gamma outside of the means over the features", scale="outside")
def gamma_outside(dy: Any, x: Any, gamma: Any, eps: Any) -> Any:
    """As if γ were the same for all features, as it is in batch normalization."""
    centred = x - np.mean(x, axis=1, keepdims=True)
    std = np.sqrt(np.mean(centred**2, axis=1, keepdims=True) + eps)
    x_hat = centred / std
    dx = gamma * (dy - np.mean(dy, axis=1, keepdims=True) - x_hat * np.mean(dy * x_hat, axis=1, keepdims=True)) / std
    return dx, np.sum(dy * x_hat, axis=0), np.sum(dy, axis=0)


# --- running statistics -------------------------------------------------------------------------------------------------------------------

RUNNING = {"norm.batch.running": "old", "norm.batch.running.new_weight": "new"}
STATISTICS: Mapping[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "as-asked": ("", lambda x, correction: np.sum((x - np.mean(x, axis=0)) ** 2, axis=0) / (x.shape[0] - correction)),
    "biased": ("the biased variance, whatever correction says", lambda x, correction: np.mean((x - np.mean(x, axis=0)) ** 2, axis=0)),
    "unbiased": (
        "the unbiased variance, whatever correction says",
        lambda x, correction: np.sum((x - np.mean(x, axis=0)) ** 2, axis=0) / (x.shape[0] - 1),
    ),
    "deviation": (
        "the standard deviation in the place of the variance",
        lambda x, correction: np.sqrt(np.sum((x - np.mean(x, axis=0)) ** 2, axis=0) / (x.shape[0] - correction)),
    ),
    "one-pass": (
        "the variance in one pass over the data, which loses digits",
        lambda x, correction: (np.mean(x**2, axis=0) - np.mean(x, axis=0) ** 2) * x.shape[0] / (x.shape[0] - correction),
    ),
    "mean-square": ("the mean square in the place of the variance", lambda x, correction: np.mean(x**2, axis=0)),
    "by-running-mean": ("deviations from the running mean", lambda x, correction: None),
}
MIXES: Mapping[str, tuple[str, Callable[[Any, Any, Any], Any]]] = {
    "old": ("momentum as the weight of the old value", lambda a, old, new: a * old + (1 - a) * new),
    "new": ("momentum as the weight of the new value", lambda a, old, new: (1 - a) * old + a * new),
    "added": ("the new value added whole", lambda a, old, new: a * old + new),
    "replaced": ("the last batch alone", lambda a, old, new: new),
    "kept": ("the old value never changed", lambda a, old, new: old),
}


def running(statistic: str, of_mean: str, of_var: str, state: Any, x: Any, momentum: Any, correction: Any = 0) -> Any:
    """One batch more in the running statistics, by one choice on each axis."""
    mean = MIXES[of_mean][1](momentum, state.mean, np.mean(x, axis=0))
    now = np.mean((x - mean) ** 2, axis=0) if statistic == "by-running-mean" else STATISTICS[statistic][1](x, correction)
    return RunningStats(mean, MIXES[of_var][1](momentum, state.var, now))


for identifier, own in RUNNING.items():
    for statistic, of_mean, of_var in itertools.product(STATISTICS, MIXES, MIXES):
        said = [STATISTICS[statistic][0], *([MIXES[of_mean][0]] if of_mean == of_var != own else [])]
        said += [
            f"{MIXES[one][0]}, in the {what}" for one, what in ((of_mean, "mean"), (of_var, "variance")) if of_mean != of_var and one != own
        ]
        said = [one for one in said if one]
        unused = (of_var == "kept" and statistic != "as-asked") or (of_mean == "replaced" and statistic == "by-running-mean")
        if 0 < len(said) <= 2 and not unused and (statistic != "one-pass" or len(said) == 1):
            add(
                identifier,
                label="/".join([statistic, of_mean, of_var]),
                words=f"with {' and '.join(said)}",
                function=partial(running, statistic, of_mean, of_var),
                axes={"variance": statistic, "momentum": of_mean if of_mean == of_var else f"{of_mean}/{of_var}"},
                unstable=statistic == "one-pass" and len(said) == 1,
            )


def running_deviation(kind: str, mix: str, state: Any, x: Any, momentum: Any, eps: Any) -> Any:
    """One batch more in the running deviations."""
    var = np.mean((x - np.mean(x, axis=0)) ** 2, axis=0)
    now = {
        "root": np.sqrt(var + eps),
        "variance": var,
        "eps-outside": np.sqrt(var) + eps,
        "no-eps": np.sqrt(var),
        "unbiased": np.sqrt(var * x.shape[0] / (x.shape[0] - 1) + eps) if x.shape[0] > 1 else var,
    }[kind]
    blend = MIXES[mix][1]
    return RunningDeviations(blend(momentum, state.mean, np.mean(x, axis=0)), blend(momentum, state.deviation, now))


for kind, mix in itertools.product(("root", "variance", "eps-outside", "no-eps", "unbiased"), MIXES):
    if (kind, mix) != ("root", "old") and (mix != "kept" or kind == "root"):
        said = [
            {
                "root": "",
                "variance": "the variance in the place of the deviation",
                "eps-outside": "eps added to the root",
                "no-eps": "no eps",
                "unbiased": "the unbiased variance",
            }[kind]
        ]
        said += [MIXES[mix][0]] if mix != "old" else []
        add(
            "norm.batch.running.deviation",
            label=f"{kind}/{mix}",
            words=f"with {' and '.join(filter(None, said))}",
            function=partial(running_deviation, kind, mix),
            axes={"statistic": kind, "momentum": mix},
        )


@variant(
    "norm.batch.running.deviation",
    words="with the root of a running mean of variances in the place of a running mean of deviations",
    statistic="root-of-mean",
)
def root_of_running_variance(state: Any, x: Any, momentum: Any, eps: Any) -> Any:
    """The root after the average instead of before it."""
    var = np.mean((x - np.mean(x, axis=0)) ** 2, axis=0)
    mixed = np.sqrt(momentum * state.deviation**2 + (1 - momentum) * (var + eps))
    return RunningDeviations(momentum * state.mean + (1 - momentum) * np.mean(x, axis=0), mixed)


# --- at test time -------------------------------------------------------------------------------------------------------------------------

for eps_place, (said_eps, divisor) in DIVISORS.items():
    if eps_place != "inside":
        add(
            "norm.batch.inference",
            label=f"eps-{eps_place}",
            words=f"with {said_eps}",
            function=lambda x, gamma, beta, mean, var, eps, divisor=divisor: gamma * (x - mean) / divisor(var, eps) + beta,
            axes={"eps": eps_place},
        )
        add(
            "norm.batch.inference.backward",
            label=f"eps-{eps_place}",
            words=f"with {said_eps}",
            function=lambda dy, x, gamma, mean, var, eps, divisor=divisor: (
                gamma * dy / divisor(var, eps),
                np.sum(dy * (x - mean), axis=0) / divisor(var, eps),
                np.sum(dy, axis=0),
            ),
            axes={"eps": eps_place},
        )
        add(
            "norm.batch.fold",
            label=f"eps-{eps_place}",
            words=f"with {said_eps}",
            function=lambda weight, bias, gamma, beta, mean, var, eps, divisor=divisor: (
                weight * gamma / divisor(var, eps),
                (bias - mean) * gamma / divisor(var, eps) + beta,
            ),
            axes={"eps": eps_place},
        )


@variant("norm.batch.inference", words="with the statistics of the batch in the place of the running ones", statistics="batch")
def by_the_batch(x: Any, gamma: Any, beta: Any, mean: Any, var: Any, eps: Any) -> Any:
    """As in training."""
    return gamma * (x - np.mean(x, axis=0)) / np.sqrt(biased(x, 0) + eps) + beta


@variant("norm.batch.fold", words="with the bias not shifted by the mean", bias="unshifted")
def bias_unshifted(weight: Any, bias: Any, gamma: Any, beta: Any, mean: Any, var: Any, eps: Any) -> Any:
    """The mean is forgotten."""
    scale = gamma / np.sqrt(var + eps)
    return weight * scale, bias * scale + beta


@variant("norm.batch.fold", words="with the bias not scaled", bias="unscaled")
def bias_unscaled(weight: Any, bias: Any, gamma: Any, beta: Any, mean: Any, var: Any, eps: Any) -> Any:
    """The bias after the scale."""
    scale = gamma / np.sqrt(var + eps)
    return weight * scale, bias - mean * scale + beta


@variant("norm.weight", words="with one norm for the whole matrix", over="everything")
def one_norm(v: Any, g: Any) -> Any:
    """The norm of all weights in the place of a column's."""
    return g * v / np.sqrt(np.sum(v**2))


@variant("norm.weight", words="with the norm of rows in the place of columns", over="rows")
def norm_of_rows(v: Any, g: Any) -> Any:
    """The norm over the outputs."""
    return g * v / np.sqrt(np.sum(v**2, axis=1, keepdims=True))


@variant("norm.weight", words="with the squared norm as the divisor", root="missing")
def squared_norm(v: Any, g: Any) -> Any:
    """The root is missing."""
    return g * v / np.sum(v**2, axis=0)


@variant("norm.weight.backward", words="with the norm treated as a constant", terms="none")
def norm_constant(dw: Any, v: Any, g: Any) -> Any:
    """The term that keeps the gradient across v is missing."""
    norm = np.sqrt(np.sum(v**2, axis=0))
    return g / norm * dw, np.sum(dw * v, axis=0) / norm
