"""The adapter for optax: what makes a GradientTransformation, one that stands made, and the functions of optax_functions.py."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ..implementation import REQUIRED, ArraysRun, Group, NotOffered, Run, Settings, keyword_parameters
from ..loading import Adapted
from . import MAYBE_ZERO, MatrixTarget, ParameterMapping, ParameterMappings, mappings_of, rename_state, to_canonical, to_library
from .jax import environment_info, precision
from .optax_functions import FUNCTIONS

MAPPINGS: ParameterMappings = {
    "learning_rate": "lr",
    "b1": "beta1",
    "b2": "beta2",
    "b3": "beta3",
    "rho": "decay",
    "momentum": ParameterMapping("momentum", *MAYBE_ZERO),
    "initial_scale": "initial_second_moment",
    "initial_accumulator_value": "initial_second_moment",
    "weight_decay_rate": "weight_decay",
    "eta_minus": "shrink",
    "eta_plus": "grow",
    "min_step_size": "smallest",
    "max_step_size": "largest",
}
OWN_MAPPINGS: Mapping[str, ParameterMappings] = {  # where a function means something else by a name
    "noisy_sgd": {"eta": "noise"},
    "rprop": {"learning_rate": "initial_size"},
    "scale_by_rprop": {"learning_rate": "initial_size"},
    "trace": {"decay": "momentum"},
    "signum": {"beta": "decay"},
    "ademamix": {"alpha": "slow_weight"},
    "scale_by_ademamix": {"alpha": "slow_weight"},
    "adafactor": {"decay_rate": "decay_exponent", "clipping_threshold": "largest_rms", "weight_decay_rate": "weight_decay"},
    "schedule_free_sgd": {"b1": "momentum", "weight_lr_power": "rate_power", "weight_decay": ParameterMapping("weight_decay", *MAYBE_ZERO)},
    "schedule_free_adamw": {"weight_lr_power": "rate_power"},
    "muon": {"beta": "momentum", "ns_coeffs": ("ns_a", "ns_b", "ns_c"), "consistent_rms": ParameterMapping("rms", *MAYBE_ZERO)},
    "scale_by_muon": {"beta": "momentum", "ns_coeffs": ("ns_a", "ns_b", "ns_c")},
    "scale_by_yogi": {"initial_accumulator_value": "initial_second_moment"},
}
STATE_NAMES = {
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
OWN_STATE_NAMES = {
    "rmsprop": {"nu": "mean_sq", "mu": "mean_grad"},
    "adamax": {"nu": "largest_gradient"},
    "adamaxw": {"nu": "largest_gradient"},
}

CONTROL_FLOW = ("cond", "while", "scan")  # operations that JAX compiles whenever they are called, unless a step is compiled as a whole

MATRIX_TARGETS = (
    MatrixTarget("SGD", "optax:sgd"),
    MatrixTarget("momentum", "optax:sgd", {"momentum": 0.9}),
    MatrixTarget("Nesterov", "optax:sgd", {"momentum": 0.9, "nesterov": True}),
    MatrixTarget("AdaGrad", "optax:adagrad"),
    MatrixTarget("RMSProp", "optax:rmsprop"),
    MatrixTarget("RMSProp, centred", "optax:rmsprop", {"centered": True}),
    MatrixTarget("RMSProp with momentum", "optax:rmsprop", {"momentum": 0.9}),
    MatrixTarget("AdaDelta", "optax:adadelta"),
    MatrixTarget("Adam", "optax:adam"),
    MatrixTarget("AdamW", "optax:adamw"),
    MatrixTarget("AMSGrad", "optax:amsgrad"),
    MatrixTarget("AdaMax", "optax:adamax"),
    MatrixTarget("NAdam", "optax:nadam"),
    MatrixTarget("RAdam", "optax:radam"),
    MatrixTarget("Rprop", "optax:rprop", {"initial_size": 0.0625}),
    MatrixTarget("signSGD", "optax:sign_sgd"),
    MatrixTarget("Signum", "optax:signum"),
    MatrixTarget("Lion", "optax:lion"),
    MatrixTarget("AdaBelief", "optax:adabelief"),
    MatrixTarget("Yogi", "optax:yogi"),
    MatrixTarget("Adan", "optax:adan"),
    MatrixTarget("AdEMAMix", "optax.contrib:ademamix"),
    MatrixTarget("schedule-free descent", "optax.contrib:schedule_free_sgd"),
    MatrixTarget("schedule-free AdamW", "optax.contrib:schedule_free_adamw"),
    MatrixTarget("Muon", "optax.contrib:muon"),
    MatrixTarget("Adafactor", "optax:adafactor"),
    MatrixTarget("LARS", "optax:lars"),
    MatrixTarget("LAMB", "optax:lamb"),
    MatrixTarget("NovoGrad", "optax:novograd"),
    MatrixTarget("cross-entropy", "optax.losses:softmax_cross_entropy_with_integer_labels", against="loss.softmax_xent.logits"),
    MatrixTarget("binary cross-entropy", "optax.losses:sigmoid_binary_cross_entropy", against="loss.logistic.binary"),
    MatrixTarget("squared error", "optax.losses:squared_error", against="loss.squared"),
    MatrixTarget("Huber loss", "optax.losses:huber_loss", against="loss.huber"),
    MatrixTarget("Kullback–Leibler divergence", "optax.losses:kl_divergence", against="loss.kl"),
    MatrixTarget("triplet loss", "optax.losses:triplet_margin_loss", against="loss.triplet"),
    MatrixTarget("clipping by value", "optax:clip", against="optimizers.clip.value"),
    MatrixTarget("clipping by rms", "optax:clip_by_block_rms", against="optimizers.clip.rms"),
    MatrixTarget("adaptive clipping", "optax:adaptive_grad_clip", against="optimizers.clip.adaptive"),
    MatrixTarget("staircase", "optax:exponential_decay", against="schedule.step"),
    MatrixTarget("piecewise constant", "optax:piecewise_constant_schedule", against="schedule.piecewise_constant"),
    MatrixTarget("exponential", "optax:exponential_decay", against="schedule.exponential.per_period"),
    MatrixTarget("linear", "optax:linear_schedule", against="schedule.linear"),
    MatrixTarget("linear warm-up", "optax:linear_schedule", against="schedule.warmup.linear"),
    MatrixTarget("polynomial", "optax:polynomial_schedule", against="schedule.polynomial"),
    MatrixTarget("cosine", "optax:cosine_decay_schedule", against="schedule.cosine"),
    MatrixTarget("one cycle", "optax:cosine_onecycle_schedule", against="schedule.one_cycle"),
    MatrixTarget("cosine after a warm-up", "optax:warmup_cosine_decay_schedule", against="schedule.warmup.cosine"),
    MatrixTarget("moving average", "optax:incremental_update", against="averaging.ema"),
    MatrixTarget("moving average, debiased", "optax:ema", against="averaging.ema.debiased"),
)


__all__ = ["MATRIX_TARGETS", "adapt", "environment_info"]


def adapt(obj: Any) -> Adapted | None:
    """Return functions that the reference has formulas of, or what makes a GradientTransformation or is one; else None."""
    if functions := FUNCTIONS.lookup(obj):
        return functions
    if isinstance(obj, optax.GradientTransformation):
        return OptaxOptimizer(lambda: obj, is_made=True)
    makes = callable(obj) and not inspect.isclass(obj) and "GradientTransformation" in str(inspect.signature(obj).return_annotation)
    return OptaxOptimizer(obj) if makes else None


# --- optimizers -----------------------------------------------------------------------------------------------------------------------


@dataclass
class OptaxOptimizer:
    """One function that makes transformations; the learning rate is fed as a schedule, or injected where no schedule is taken.

    What takes no learning rate is followed by `scale_by_learning_rate`, as `optax.chain` has it; a made optimizer stays as it is.
    """

    make: Any
    library: str = "optax"
    is_made: bool = False
    mode: str = ""
    parameters: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.own_parameters = keyword_parameters(self.make)
        self.mappings = mappings_of(getattr(self.make, "func", self.make), MAPPINGS, OWN_MAPPINGS)
        self.parameters = {**({} if self.has_fixed_lr else {"lr": REQUIRED}), **to_canonical(self.own_parameters, self.mappings)}

    @property
    def has_fixed_lr(self) -> bool:
        """Whether the learning rate is set for good: in the initial size of a step, or in a made optimizer."""
        return self.is_made or self.mappings.get("learning_rate") == "initial_size"

    def in_mode(self, mode: str) -> OptaxOptimizer:
        """Return the same optimizer under a transformation of JAX."""
        if mode not in ("jit", "vmap"):
            raise NotOffered(f"optax has no {mode}")
        return replace(self, mode=mode)

    def transformation(self, rates: Rates, lr: float, settings: Settings) -> Any:
        """Return the transformation with these settings."""
        arguments = to_library(settings, self.own_parameters, self.mappings)
        if self.has_fixed_lr:
            return self.make(**arguments)
        if "learning_rate" not in self.own_parameters:
            return optax.chain(self.make(**arguments), optax.scale_by_learning_rate(rates.now))
        if "Schedule" in str(inspect.signature(self.make).parameters["learning_rate"].annotation):
            return self.make(learning_rate=rates.now, **arguments)
        others = tuple(name for name in self.own_parameters if name != "learning_rate")  # they would be rounded to the format of θ
        return optax.inject_hyperparams(self.make, static_args=others)(learning_rate=rates.now, **arguments)

    def start(self, theta: Any, lr: float, settings: Settings) -> Run:
        """Return a run of one array of parameters."""
        updates = Updates(self, Group([theta], lr, settings))
        own = OWN_STATE_NAMES.get(getattr(self.make, "__name__", ""), {})

        def step(grad: Any, rate: float) -> Any:
            return updates.apply([grad], [rate])[0]

        return Run(step, not self.has_fixed_lr, lambda: rename_state(arrays(updates.state), {**STATE_NAMES, **own}))

    def start_groups(self, groups: Sequence[Group]) -> ArraysRun:
        """Return a run of several arrays, in a list; groups are what `optax.partition` makes of several optimizers."""
        if len(groups) > 1:
            raise NotOffered
        updates = Updates(self, groups[0])
        return ArraysRun(updates.apply, lambda: jax.tree.map(np.array, updates.state), updates.restore, admits_none=False)


class Updates:
    """A transformation with its arrays, one alone or a list, and its state."""

    def __init__(self, optimizer: OptaxOptimizer, group: Group) -> None:
        self.rates, self.dtype = Rates(group.lr), group.thetas[0].dtype
        with precision(self.dtype):
            self.rule = optimizer.transformation(self.rates, group.lr, group.settings)
            self.theta = packed(group.thetas)
            self.state = self.rule.init(self.theta)
            mode = optimizer.mode or ("jit" if self.has_control_flow(group.lr) else "")
            self.move = {"jit": jax.jit, "vmap": over_a_batch}.get(mode, lambda move: move)(self.new_point)

    def has_control_flow(self, lr: float) -> bool:
        """Return whether a step has branches or loops of JAX."""
        text = str(jax.make_jaxpr(self.new_point)(self.theta, self.state, self.theta, lr))
        return any(f" {name}[" in text for name in CONTROL_FLOW)

    def new_point(self, grads: Any, state: Any, theta: Any, lr: Any) -> tuple[Any, Any]:
        """Return the point after a step, and the new state."""
        self.rates.lr = lr
        updates, state = self.rule.update(grads, state, theta)
        return optax.apply_updates(theta, updates), state

    def apply(self, grads: Sequence[Any], rates: Sequence[float]) -> list[Any]:
        """Make a step, and return the new points."""
        with precision(self.dtype):
            self.theta, self.state = self.move(packed(grads), self.state, self.theta, rates[0])
            return [np.array(point) for point in jax.tree.leaves(self.theta)]

    def restore(self, state: Any) -> None:
        """Go on from a state of arrays."""
        with precision(self.dtype):
            self.state = jax.tree.map(jnp.array, state)


def over_a_batch(move: Any) -> Any:
    """Return a step that is mapped over a batch of two, of which the first is what is asked for."""

    def mapped(*arguments: Any) -> Any:
        *trees, lr = arguments
        batch = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), trees)
        return jax.tree.map(lambda leaf: leaf[0], jax.vmap(move, in_axes=(0, 0, 0, None))(*batch, lr))

    return mapped


def packed(values: Sequence[Any]) -> Any:
    """Return an array as it is, or several in a list."""
    with_jax = [jnp.array(value) for value in values]
    return with_jax[0] if len(with_jax) == 1 else with_jax


@dataclass
class Rates:
    """A schedule that gives the rate of the moment, whatever the count."""

    lr: float

    def now(self, count: Any) -> float:
        """Return the rate of the update that is being done."""
        return self.lr


def arrays(state: Any) -> dict[str, Any]:
    """Return the named arrays of a state, those of nested ones too; of two with one name, the first."""
    collected: dict[str, Any] = {}
    named = state._asdict() if hasattr(state, "_asdict") else {}
    for value in named.values() if named else state if isinstance(state, tuple | list) else ():
        collected = {**arrays(value), **collected}
    return {**{name: np.array(value) for name, value in named.items() if isinstance(value, jax.Array)}, **collected}
