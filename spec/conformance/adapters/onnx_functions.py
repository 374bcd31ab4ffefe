"""Operators of ONNX as formulas of the reference, each as a model of one node that the reference evaluator runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import TensorProto, defs, helper
from onnx.reference import ReferenceEvaluator

from ....reference.normalization import RunningStats
from . import FunctionRegistry, Functions

FUNCTIONS = FunctionRegistry("onnx")
NEWEST = {"BatchNormalization": ("14", "15")}  # the versions that can train


def lookup(obj: Any) -> Functions | None:
    """Return the formulas that an operator implements, by its name without its version; None if none is known."""
    name, _, version = obj.__name__.partition("_")
    return TABLE[name] if name in TABLE and version in ("", *NEWEST.get(name, ())) else None


def evaluator(node: Any, inputs: Mapping[str, Any], outputs: tuple[str, ...]) -> Any:
    """Return the reference evaluator on a model of one node."""
    typed = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape) for name, array in inputs.items()
    ]
    untyped = [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in outputs]
    graph = helper.make_graph([node], "one node", typed, untyped)
    version = defs.get_schema(node.op_type, domain=node.domain).since_version
    return ReferenceEvaluator(helper.make_model(graph, opset_imports=[helper.make_opsetid(node.domain, version)]))


def run(operator: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> Any:
    """Return the results of an operator."""
    arrays = {f"in{i}": np.asarray(value) for i, value in enumerate(inputs)}
    results = tuple(f"out{i}" for i in range(outputs))
    node = helper.make_node(operator, list(arrays), list(results), **attributes)
    return evaluator(node, arrays, results).run(None, arrays)


def norm(operator: str, formula: str) -> Functions:
    """Return an operator that normalizes by the statistics of its input."""

    def call(x: Any, gamma: Any, eps: float, **beta: Any) -> Any:
        return run(operator, x, gamma, *beta.values(), epsilon=eps)[0]

    return FUNCTIONS.implements(formula, call)


def trained(x: Any, gamma: Any, beta: Any, mean: Any, var: Any, **attributes: Any) -> Any:
    """Return the result of batch normalization in training, and the new statistics."""
    return run("BatchNormalization", x, gamma, beta, mean, var, outputs=3, training_mode=1, **attributes)


def batch_norm(x: Any, gamma: Any, beta: Any, *, eps: float) -> Any:
    """Return batch normalization in training."""
    return trained(x, gamma, beta, 0 * gamma, 0 * gamma + 1, epsilon=eps)[0]


def inference(x: Any, gamma: Any, beta: Any, mean: Any, var: Any, *, eps: float) -> Any:
    """Return batch normalization by running statistics."""
    return run("BatchNormalization", x, gamma, beta, mean, var, epsilon=eps)[0]


def running(state: RunningStats, x: Any, *, momentum: float) -> RunningStats:
    """Return the running statistics of batch normalization."""
    ones = 0 * state.mean + 1
    return RunningStats(*trained(x, ones, 0 * ones, state.mean, state.var, momentum=momentum)[1:])


def cross_entropy(logits: Any, labels: Any, *, reduction: str) -> Any:
    """Return the cross-entropy of labels from logits."""
    return run("SoftmaxCrossEntropyLoss", logits, labels, reduction=reduction)[0]


TABLE: Mapping[str, Functions] = {
    "BatchNormalization": (
        *FUNCTIONS.implements("norm.batch.affine", batch_norm),
        *FUNCTIONS.implements("norm.batch.conv", batch_norm),
        *FUNCTIONS.implements("norm.batch.inference", inference),
        *FUNCTIONS.implements("norm.batch.running", running, correction=0),
    ),
    "LayerNormalization": norm("LayerNormalization", "norm.layer"),
    "InstanceNormalization": norm("InstanceNormalization", "norm.instance"),
    "RMSNormalization": norm("RMSNormalization", "norm.rms"),
    "SoftmaxCrossEntropyLoss": FUNCTIONS.implements("loss.softmax_xent.logits", cross_entropy, smoothing=0.0),
    "Softmax": FUNCTIONS.implements("loss.softmax", lambda logits: run("Softmax", logits, axis=-1)[0]),
    "Sigmoid": FUNCTIONS.implements("loss.sigmoid", lambda z: run("Sigmoid", z)[0]),
}
