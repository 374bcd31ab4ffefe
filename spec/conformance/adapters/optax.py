"""The adapter for optax: what makes a GradientTransformation, one that stands made, and the functions of optax_functions.py."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ..implementation import REQUIRED, Adapted, Run, Settings, keywords
from . import MAYBE_ZERO, Name, Names, Offer, in_ours, in_theirs, names_of, renamed
from .jax import circumstances, precision
from .optax_functions import functions

NAMES: Names = {
    "learning_rate": "lr",
    "b1": "beta1",
    "b2": "beta2",
    "b3": "beta3",
    "rho": "decay",
    "momentum": Name("momentum", *MAYBE_ZERO),
    "initial_scale": "initial_second_moment",
    "initial_accumulator_value": "initial_second_moment",
    "weight_decay_rate": "weight_decay",
    "eta_minus": "shrink",
    "eta_plus": "grow",
    "min_step_size": "smallest",
    "max_step_size": "largest",
}
OWN: Mapping[str, Names] = {  # where a function means something else by a name
    "noisy_sgd": {"eta": "noise"},
    "rprop": {"learning_rate": "initial_size"},
    "scale_by_rprop": {"learning_rate": "initial_size"},
    "trace": {"decay": "momentum"},
    "signum": {"beta": "decay"},
}
STATE = {
    "mu": "first_moment",
    "nu": "second_moment",
    "nu_max": "max_second_moment",
    "trace": "velocity",
    "sum_of_squares": "sum_sq",
    "e_g": "mean_sq",
    "e_x": "mean_sq_step",
    "step_sizes": "size",
    "prev_updates": "previous_step",
    "count": "steps",
    "ema": "first_moment",
}
OWN_STATE = {"rmsprop": {"nu": "mean_sq", "mu": "mean_grad"}, "adamax": {"nu": "largest_gradient"}, "adamaxw": {"nu": "largest_gradient"}}

OFFERS = (
    Offer("SGD", "optax:sgd"),
    Offer("momentum", "optax:sgd", {"momentum": 0.9}),
    Offer("Nesterov", "optax:sgd", {"momentum": 0.9, "nesterov": True}),
    Offer("AdaGrad", "optax:adagrad"),
    Offer("RMSProp", "optax:rmsprop"),
    Offer("RMSProp, centred", "optax:rmsprop", {"centered": True}),
    Offer("RMSProp with momentum", "optax:rmsprop", {"momentum": 0.9}),
    Offer("AdaDelta", "optax:adadelta"),
    Offer("Adam", "optax:adam"),
    Offer("AdamW", "optax:adamw"),
    Offer("AMSGrad", "optax:amsgrad"),
    Offer("AdaMax", "optax:adamax"),
    Offer("NAdam", "optax:nadam"),
    Offer("RAdam", "optax:radam"),
    Offer("Rprop", "optax:rprop", {"initial_size": 0.0625}),
    Offer("cross-entropy", "optax.losses:softmax_cross_entropy_with_integer_labels", against="loss.softmax_xent.logits"),
    Offer("binary cross-entropy", "optax.losses:sigmoid_binary_cross_entropy", against="loss.logistic.binary"),
    Offer("squared error", "optax.losses:squared_error", against="loss.squared"),
    Offer("Huber loss", "optax.losses:huber_loss", against="loss.huber"),
    Offer("staircase", "optax:exponential_decay", against="schedule.step"),
    Offer("piecewise constant", "optax:piecewise_constant_schedule", against="schedule.piecewise_constant"),
    Offer("exponential", "optax:exponential_decay", against="schedule.exponential.per_period"),
    Offer("linear", "optax:linear_schedule", against="schedule.linear"),
    Offer("moving average", "optax:incremental_update", against="averaging.ema"),
    Offer("moving average, debiased", "optax:ema", against="averaging.ema.debiased"),
)


__all__ = ["circumstances", "subject"]


def subject(found: Any) -> Adapted | None:
    """What the reference has a formula of, and what makes a GradientTransformation or is one; anything else is declined."""
    if known := functions(found):
        return known
    if isinstance(found, optax.GradientTransformation):
        return OptaxOptimizer(lambda: found, made_already=True)
    makes = callable(found) and not inspect.isclass(found) and "GradientTransformation" in str(inspect.signature(found).return_annotation)
    return OptaxOptimizer(found) if makes else None


# --- optimizers -----------------------------------------------------------------------------------------------------------------------


@dataclass
class OptaxOptimizer:
    """One function that makes transformations; the learning rate is fed as a schedule, or injected where no schedule is taken.

    What takes no learning rate is followed by `scale_by_learning_rate`, as `optax.chain` has it; a made optimizer stays as it is.
    """

    make: Any
    library: str = "optax"
    made_already: bool = False
    parameters: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.theirs = keywords(self.make)
        self.names = names_of(getattr(self.make, "func", self.make), NAMES, OWN)
        self.parameters = {**({} if self.fixed else {"lr": REQUIRED}), **in_ours(self.theirs, self.names)}

    @property
    def fixed(self) -> bool:
        """Whether the learning rate is set for good: in the initial size of a step, or in a made optimizer."""
        return self.made_already or self.names.get("learning_rate") == "initial_size"

    def made(self, rates: Rates, lr: float, settings: Settings) -> Any:
        """The transformation at these settings."""
        arguments = in_theirs(settings, self.theirs, self.names)
        if self.fixed:
            return self.make(**arguments)
        if "learning_rate" not in self.theirs:
            return optax.chain(self.make(**arguments), optax.scale_by_learning_rate(rates.now))
        if "Schedule" in str(inspect.signature(self.make).parameters["learning_rate"].annotation):
            return self.make(learning_rate=rates.now, **arguments)
        return optax.inject_hyperparams(self.make, static_args=tuple(arguments))(learning_rate=rates.now, **arguments)

    def begin(self, theta: Any, lr: float, settings: Settings) -> Run:
        """One array of parameters, its transformation, and their state."""
        rates = Rates(lr)
        with precision(theta.dtype):
            rule = self.made(rates, lr, settings)
            now = {"theta": jnp.array(theta)}
            now["state"] = rule.init(now["theta"])

        def step(grad: Any, rate: float) -> Any:
            rates.lr = rate
            with precision(theta.dtype):
                updates, now["state"] = rule.update(jnp.array(grad), now["state"], now["theta"])
                now["theta"] = optax.apply_updates(now["theta"], updates)
                return np.array(now["theta"])

        own = OWN_STATE.get(getattr(self.make, "__name__", ""), {})
        return Run(step, not self.fixed, lambda: renamed(arrays(now["state"]), {**STATE, **own}))


@dataclass
class Rates:
    """A schedule that gives the rate of the moment, whatever the count."""

    lr: float

    def now(self, count: Any) -> float:
        """The rate of the update that is being done."""
        return self.lr


def arrays(state: Any) -> dict[str, Any]:
    """The named arrays of a state, those of nested ones too; of two that have one name, the first."""
    found: dict[str, Any] = {}
    named = state._asdict() if hasattr(state, "_asdict") else {}
    for value in named.values() if named else state if isinstance(state, tuple | list) else ():
        found = {**arrays(value), **found}
    return {**{name: np.array(value) for name, value in named.items() if isinstance(value, jax.Array)}, **found}
