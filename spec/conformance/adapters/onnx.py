"""The adapter for ONNX: the training operators, each as a model of one node, and the functions of onnx_functions.py.

The attributes of a node are float32 numbers, so hyper-parameters are rounded to that, in a float64 run too; the learning rate is an input.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import defs, helper
from onnx.reference.op_run import OpRun

from ..implementation import REQUIRED, Adapted, Run, Settings
from . import Name, Names, Offer, in_ours, in_theirs
from .onnx_functions import evaluator, functions

DOMAIN = "ai.onnx.preview.training"
NAMES: Mapping[str, Names] = {
    "Adam": {"alpha": "beta1", "beta": "beta2", "epsilon": "eps", "norm_coefficient": "weight_decay"},
    "Adagrad": {"decay_factor": "lr_decay", "epsilon": "eps", "norm_coefficient": "weight_decay"},
    "Momentum": {
        "alpha": "momentum",
        "beta": Name("dampening", lambda beta: 1 - beta, lambda dampening: 1 - dampening),
        "mode": Name("nesterov", lambda mode: mode == "nesterov", lambda nesterov: "nesterov" if nesterov else "standard"),
        "norm_coefficient": "weight_decay",
    },
}
DEFAULTS: Mapping[str, Mapping[str, Any]] = {"Momentum": {"beta": 1.0, "mode": "standard", "norm_coefficient": 0.0}}  # required: plain
STATE: Mapping[str, tuple[str, ...]] = {  # what a node takes after X and G and gives after X
    "Adam": ("first_moment", "second_moment"),
    "Adagrad": ("sum_sq",),
    "Momentum": ("velocity",),
}

OFFERS = (
    Offer("momentum", "onnx.reference.ops.aionnx_preview_training.op_momentum:Momentum", {"momentum": 0.75}),
    Offer("Nesterov", "onnx.reference.ops.aionnx_preview_training.op_momentum:Momentum", {"momentum": 0.75, "nesterov": True}),
    Offer("AdaGrad", "onnx.reference.ops.aionnx_preview_training.op_adagrad:Adagrad"),
    Offer("Adam", "onnx.reference.ops.aionnx_preview_training.op_adam:Adam"),
    Offer("batch norm", "onnx.reference.ops.op_batch_normalization:BatchNormalization_14", against="norm.batch.affine"),
    Offer("batch norm, running", "onnx.reference.ops.op_batch_normalization:BatchNormalization_14", against="norm.batch.running"),
    Offer("batch norm of images", "onnx.reference.ops.op_batch_normalization:BatchNormalization_14", against="norm.batch.conv"),
    Offer("layer norm", "onnx.reference.ops.op_layer_normalization:LayerNormalization", against="norm.layer"),
    Offer("instance norm", "onnx.reference.ops.op_instance_normalization:InstanceNormalization", against="norm.instance"),
    Offer("RMS norm", "onnx.reference.ops.op_rms_normalization:RMSNormalization", against="norm.rms"),
    Offer("cross-entropy", "onnx.reference.ops.op_softmax_cross_entropy_loss:SoftmaxCrossEntropyLoss", against="loss.softmax_xent.logits"),
)


def subject(found: Any) -> Adapted | None:
    """A training operator, or one that the reference has a formula of, as a subject; anything else is declined."""
    if not (inspect.isclass(found) and issubclass(found, OpRun)):
        return None
    domain = getattr(found, "op_domain", "")
    return OnnxOptimizer(found) if domain == DOMAIN and found.__name__ in NAMES else functions(found)


# --- optimizers -----------------------------------------------------------------------------------------------------------------------


@dataclass
class OnnxOptimizer:
    """One training operator: the caller keeps its state and its count, from 0."""

    kind: Any
    library: str = "onnx"
    parameters: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.operator = self.kind.__name__
        attributes = defs.get_schema(self.operator, domain=DOMAIN).attributes
        self.theirs = {name: default_of(one) for name, one in attributes.items()} | dict(DEFAULTS.get(self.operator, {}))
        self.parameters = {"lr": REQUIRED, **in_ours(self.theirs, NAMES[self.operator])}

    def begin(self, theta: Any, lr: float, settings: Settings) -> Run:
        """A model of one node, and zeros for what it remembers."""
        kept = STATE[self.operator]
        now = {"R": theta.dtype.type(lr), "T": np.int64(0), "X": theta.copy(), "G": theta.copy(), **dict.fromkeys(kept, 0 * theta)}
        results = ("X_new", *(f"{name}_new" for name in kept))
        attributes = {**DEFAULTS.get(self.operator, {}), **in_theirs(settings, self.theirs, NAMES[self.operator])}
        node = helper.make_node(self.operator, list(now), list(results), domain=DOMAIN, **attributes)
        model = evaluator(node, {name: np.asarray(value) for name, value in now.items()}, results)

        def step(grad: Any, rate: float) -> Any:
            now.update(R=np.asarray(rate, theta.dtype), G=grad)
            made = model.run(None, {name: np.asarray(value) for name, value in now.items()})
            now.update(zip(("X", *kept), made, strict=True), T=now["T"] + 1)
            return made[0].copy()

        return Run(step, state=lambda: {**{name: now[name].copy() for name in kept}, "steps": now["T"]})


def default_of(attribute: Any) -> Any:
    """The default of an attribute, or that it has none."""
    return REQUIRED if attribute.required else helper.get_attribute_value(attribute.default_value)
