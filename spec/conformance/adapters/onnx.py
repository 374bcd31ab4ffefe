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

from ..implementation import REQUIRED, Run, Settings
from ..loading import Adapted
from . import MatrixTarget, ParameterMapping, ParameterMappings, to_canonical, to_library
from .onnx_functions import evaluator, lookup

DOMAIN = "ai.onnx.preview.training"
MAPPINGS: Mapping[str, ParameterMappings] = {
    "Adam": {"alpha": "beta1", "beta": "beta2", "epsilon": "eps", "norm_coefficient": "weight_decay"},
    "Adagrad": {"decay_factor": "lr_decay", "epsilon": "eps", "norm_coefficient": "weight_decay"},
    "Momentum": {
        "alpha": "momentum",
        "beta": ParameterMapping("dampening", lambda beta: 1 - beta, lambda dampening: 1 - dampening),
        "mode": ParameterMapping("nesterov", lambda mode: mode == "nesterov", lambda nesterov: "nesterov" if nesterov else "standard"),
        "norm_coefficient": "weight_decay",
    },
}
DEFAULTS: Mapping[str, Mapping[str, Any]] = {"Momentum": {"beta": 1.0, "mode": "standard", "norm_coefficient": 0.0}}  # required: plain
STATE: Mapping[str, tuple[str, ...]] = {  # what a node takes after X and G and gives after X
    "Adam": ("first_moment", "second_moment"),
    "Adagrad": ("sum_sq",),
    "Momentum": ("velocity",),
}

MATRIX_TARGETS = (
    MatrixTarget("momentum", "onnx.reference.ops.aionnx_preview_training.op_momentum:Momentum", {"momentum": 0.75}),
    MatrixTarget("Nesterov", "onnx.reference.ops.aionnx_preview_training.op_momentum:Momentum", {"momentum": 0.75, "nesterov": True}),
    MatrixTarget("AdaGrad", "onnx.reference.ops.aionnx_preview_training.op_adagrad:Adagrad"),
    MatrixTarget("Adam", "onnx.reference.ops.aionnx_preview_training.op_adam:Adam"),
    MatrixTarget("batch norm", "onnx.reference.ops.op_batch_normalization:BatchNormalization_14", against="norm.batch.affine"),
    MatrixTarget("batch norm, running", "onnx.reference.ops.op_batch_normalization:BatchNormalization_14", against="norm.batch.running"),
    MatrixTarget("batch norm of images", "onnx.reference.ops.op_batch_normalization:BatchNormalization_14", against="norm.batch.conv"),
    MatrixTarget("layer norm", "onnx.reference.ops.op_layer_normalization:LayerNormalization", against="norm.layer"),
    MatrixTarget("instance norm", "onnx.reference.ops.op_instance_normalization:InstanceNormalization", against="norm.instance"),
    MatrixTarget("RMS norm", "onnx.reference.ops.op_rms_normalization:RMSNormalization", against="norm.rms"),
    MatrixTarget(
        "cross-entropy", "onnx.reference.ops.op_softmax_cross_entropy_loss:SoftmaxCrossEntropyLoss", against="loss.softmax_xent.logits"
    ),
)


def adapt(obj: Any) -> Adapted | None:
    """Return a training operator, or one that the reference has a formula of; anything else is declined."""
    if not (inspect.isclass(obj) and issubclass(obj, OpRun)):
        return None
    is_optimizer = getattr(obj, "op_domain", "") == DOMAIN and obj.__name__ in MAPPINGS
    return OnnxOptimizer(obj) if is_optimizer else lookup(obj)


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
        self.own_parameters = {name: default_of(attribute) for name, attribute in attributes.items()} | dict(
            DEFAULTS.get(self.operator, {})
        )
        self.parameters = {"lr": REQUIRED, **to_canonical(self.own_parameters, MAPPINGS[self.operator])}

    def start(self, theta: Any, lr: float, settings: Settings) -> Run:
        """Return a run of a model of one node, with zeros for its state."""
        kept = STATE[self.operator]
        current = {"R": theta.dtype.type(lr), "T": np.int64(0), "X": theta.copy(), "G": theta.copy(), **dict.fromkeys(kept, 0 * theta)}
        results = ("X_new", *(f"{name}_new" for name in kept))
        attributes = {**DEFAULTS.get(self.operator, {}), **to_library(settings, self.own_parameters, MAPPINGS[self.operator])}
        node = helper.make_node(self.operator, list(current), list(results), domain=DOMAIN, **attributes)
        model = evaluator(node, {name: np.asarray(value) for name, value in current.items()}, results)

        def step(grad: Any, rate: float) -> Any:
            current.update(R=np.asarray(rate, theta.dtype), G=grad)
            outputs = model.run(None, {name: np.asarray(value) for name, value in current.items()})
            current.update(zip(("X", *kept), outputs, strict=True), T=current["T"] + 1)
            return outputs[0].copy()

        return Run(step, state=lambda: {**{name: current[name].copy() for name in kept}, "steps": current["T"]})


def default_of(attribute: Any) -> Any:
    """Return the default of an attribute, or REQUIRED."""
    return REQUIRED if attribute.required else helper.get_attribute_value(attribute.default_value)
