"""Optimizers in narrow formats: where they round is named, mistakes and rounded hyper-parameters too."""

import sys
from pathlib import Path

import numpy as np
import pytest
from trainspec.spec.arithmetic import FORMATS
from trainspec.spec.conformance import Verdict
from trainspec.spec.conformance.command import PREFIX
from trainspec.spec.conformance.optimizers.storage import ROUNDINGS
from trainspec.spec.lines.text import WIDTHS, array_of, bits

from .helpers import check_in_process, valid_record

pytestmark = pytest.mark.sampled(5)

PROGRAMS = Path(__file__).parent / "programs"


class Adam:
    """Adam that rounds as its class says: `kept` are the names that are stored in the format of the parameters."""

    kept = ("theta", "m", "v")
    has_first_correction = True

    def __init__(self, theta, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.theta, self.m, self.v, self.t = theta.copy(), np.zeros_like(theta), np.zeros_like(theta), 0
        self.kind, self.beta1, self.beta2, self.eps = theta.dtype.type, beta1, beta2, eps

    def number(self, value):
        """Return a number as operations take it."""
        return np.float32(value)

    def step(self, grad, lr):
        self.t += 1
        number, (grad, theta, m, v) = self.number, (array.astype(self.number(0).dtype) for array in (grad, self.theta, self.m, self.v))
        m = number(self.beta1) * m + number(1 - self.beta1) * grad
        v = number(self.beta2) * v + number(1 - self.beta2) * (grad * grad)
        first = number(1 - self.beta1**self.t) if self.has_first_correction else number(1)
        theta = theta - number(lr) * (m / first) / (np.sqrt(v / number(1 - self.beta2**self.t)) + number(self.eps))
        for name, value in {"theta": theta, "m": m, "v": v}.items():
            setattr(self, name, value.astype(self.kind) if name in self.kept else value)
        return self.theta.astype(self.kind)


class AdamThatKeepsAll(Adam):
    kept = ()


class AdamThatKeepsItsState(Adam):
    kept = ("theta",)


class AdamThatRoundsAll(Adam):
    def number(self, value):
        return self.kind(value)


class AdamWithoutFirstCorrection(Adam):
    has_first_correction = False


class AdamOfRoundedDecays(AdamThatKeepsItsState):
    def __init__(self, theta, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        beta1, beta2, eps = (float(theta.dtype.type(value)) for value in (beta1, beta2, eps))
        super().__init__(theta, beta1=beta1, beta2=beta2, eps=eps)


@pytest.mark.parametrize(
    ("kind", "label", "dtype"),
    [
        (kind, label, dtype)
        for kind, label, dtypes in [
            (AdamThatKeepsAll, "points-only", ["bfloat16"]),
            (AdamThatKeepsItsState, "point-once-a-step", ["float16"]),
            (Adam, "once-a-step", ["bfloat16", "float16"]),
        ]
        for dtype in dtypes
    ],
)
def test_where_an_optimizer_rounds_is_named(kind, label, dtype):
    result = check_in_process(kind, dtype=dtype)
    assert result.verdict == Verdict.CONFORMS, result.message
    assert (result.convention, result.axes["rounding"]) == ("adam", label)
    valid_record(result)


def test_what_rounds_every_operation_is_right_and_left_open_where_others_fit():
    result = check_in_process(AdamThatRoundsAll, dtype="bfloat16", against="optimizers.adam")
    assert result.axes["rounding"] == ROUNDINGS[-1]
    assert result.verdict in (Verdict.CONFORMS, Verdict.AMBIGUOUS)
    assert result.exit_code == 0, result.message


def test_a_mistake_is_named_in_a_narrow_format():
    result = check_in_process(AdamWithoutFirstCorrection, dtype="bfloat16")
    assert (result.verdict, result.convention) == (Verdict.DEVIATES, "adam/correction-second-only"), result.message
    assert result.axes["rounding"] == "once-a-step"


def test_decays_that_are_rounded_to_the_format_are_named_with_their_values():
    result = check_in_process(AdamOfRoundedDecays, dtype="bfloat16", beta2=0.98)
    assert "keeps its hyper-parameters in bfloat16 (" in result.message
    assert "beta2 = 0.98046875" in result.message


def test_a_program_of_any_language_is_judged_in_a_narrow_format():
    result = check_in_process(f"{PREFIX}{sys.executable} {PROGRAMS / 'brain_float.py'}", dtype="bfloat16", momentum=0.875)
    assert (result.verdict, result.convention) == (Verdict.CONFORMS, "heavy-ball/lr-outside"), result.message
    assert result.axes["rounding"] == "once-a-step"


@pytest.mark.parametrize("dtype", FORMATS)
def test_bits_of_every_format_are_read_as_they_are_written(dtype):
    values = np.array([1.5, -0.0, 0.0625, -2.0]).astype(np.dtype(dtype))
    assert array_of(bits(values, dtype), dtype).tobytes() == values.tobytes()
    assert bits([1.5], dtype) == f"{int.from_bytes(values[:1].tobytes(), sys.byteorder):0{WIDTHS[dtype]}x}"


def test_optimizers_of_torch_are_asked_in_narrow_formats():
    pytest.importorskip("torch")
    result = check_in_process("torch.optim:RMSprop", dtype="bfloat16")
    assert result.exit_code == 0, result.message
    assert "rounded" in result.message
