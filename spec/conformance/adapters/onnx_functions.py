"""Operators of ONNX as formulas of the reference, each as a model of one node that the reference evaluator runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from onnx import TensorProto, defs, helper
from onnx.reference import ReferenceEvaluator

from ....reference.normalization import RunningStats
from ..implementation import FunctionSubject

Functions = tuple[FunctionSubject, ...]


def functions(found: Any) -> Functions | None:
    """The formulas that an operator stands for, by its name without its version; none is known of the rest."""
    name, _, version = found.__name__.partition("_")
    return TABLE[name] if name in TABLE and version in ("", *NEWEST.get(name, ())) else None


def evaluator(node: Any, inputs: Mapping[str, Any], outputs: tuple[str, ...]) -> Any:
    """The reference evaluator on a model of one node."""
    typed = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(one.dtype), one.shape) for name, one in inputs.items()]
    untyped = [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in outputs]
    graph = helper.make_graph([node], "one node", typed, untyped)
    version = defs.get_schema(node.op_type, domain=node.domain).since_version
    return ReferenceEvaluator(helper.make_model(graph, opset_imports=[helper.make_opsetid(node.domain, version)]))


def run(operator: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> Any:
    """What an operator gives."""
    given = {f"in{i}": np.asarray(one) for i, one in enumerate(inputs)}
    results = tuple(f"out{i}" for i in range(outputs))
    node = helper.make_node(operator, list(given), list(results), **attributes)
    return evaluator(node, given, results).run(None, given)


def claims(formula: str, call: Callable[..., Any], **fixed: Any) -> FunctionSubject:
    """A function that claims to be a formula, some of whose arguments it takes for given."""
    return FunctionSubject(call, formula, fixed, "onnx")


def norm(operator: str, formula: str) -> Functions:
    """An operator that normalizes by what it is given."""

    def call(x: Any, gamma: Any, eps: float, **beta: Any) -> Any:
        return run(operator, x, gamma, *beta.values(), epsilon=eps)[0]

    return (claims(formula, call),)


def trained(x: Any, gamma: Any, beta: Any, mean: Any, var: Any, **attributes: Any) -> Any:
    """Batch normalization in training: its result, and the new statistics."""
    return run("BatchNormalization", x, gamma, beta, mean, var, outputs=3, training_mode=1, **attributes)


def batch_norm(x: Any, gamma: Any, beta: Any, *, eps: float) -> Any:
    """Batch normalization in training."""
    return trained(x, gamma, beta, 0 * gamma, 0 * gamma + 1, epsilon=eps)[0]


def inference(x: Any, gamma: Any, beta: Any, mean: Any, var: Any, *, eps: float) -> Any:
    """Batch normalization by running statistics."""
    return run("BatchNormalization", x, gamma, beta, mean, var, epsilon=eps)[0]


def running(state: RunningStats, x: Any, *, momentum: float) -> RunningStats:
    """The running statistics of batch normalization."""
    ones = 0 * state.mean + 1
    return RunningStats(*trained(x, ones, 0 * ones, state.mean, state.var, momentum=momentum)[1:])


def cross_entropy(logits: Any, labels: Any, *, reduction: str) -> Any:
    """The cross-entropy of labels from logits."""
    return run("SoftmaxCrossEntropyLoss", logits, labels, reduction=reduction)[0]


NEWEST = {"BatchNormalization": ("14", "15")}  # those that can train
TABLE: Mapping[str, Functions] = {
    "BatchNormalization": (
        claims("norm.batch.affine", batch_norm),
        claims("norm.batch.conv", batch_norm),
        claims("norm.batch.inference", inference),
        claims("norm.batch.running", running, correction=0),
    ),
    "LayerNormalization": norm("LayerNormalization", "norm.layer"),
    "InstanceNormalization": norm("InstanceNormalization", "norm.instance"),
    "RMSNormalization": norm("RMSNormalization", "norm.rms"),
    "SoftmaxCrossEntropyLoss": (claims("loss.softmax_xent.logits", cross_entropy, smoothing=0.0),),
    "Softmax": (claims("loss.softmax", lambda logits: run("Softmax", logits, axis=-1)[0]),),
    "Sigmoid": (claims("loss.sigmoid", lambda z: run("Sigmoid", z)[0]),),
}
