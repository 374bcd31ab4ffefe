"""Implementations in the styles of many hands: the right ones conform, the others are found, and the axes of each are named."""

import pytest
from trainspec.spec.conformance.bank import bank

from . import judged_right, judged_wrong
from .asking import ask

DTYPES = ("float64", "float32")
RIGHT = [(judged_right, name) for name in judged_right.CASES]
WRONG = [(judged_wrong, name) for name in judged_wrong.CASES]


def asked(module, name, dtype):
    one = module.CASES[name]
    return one, ask(f"{module.__name__}:{name}", dtype=dtype, **getattr(one, "settings", {}))


def check_axes(one, result):
    if one.axes is None:
        assert result.convention is None, result.sentence
        return
    assert result.axes is not None, result.sentence
    assert {name: result.axes[name] for name in one.axes} == one.axes, result.sentence


def check_faults(one, result):
    assert [fault.kind for fault in result.faults] == ([one.fault] if hasattr(one, "fault") else []), result.faults


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("module", "name"), RIGHT, ids=[name for _, name in RIGHT])
def test_right_ones_conform(module, name, dtype):
    one, result = asked(module, name, dtype)
    assert result.verdict == getattr(one, "verdict", "conforms"), result.sentence
    check_faults(one, result)
    check_axes(one, result)
    assert result.axes["precision"] == "native"
    assert bank()[result.convention].right


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("module", "name"), WRONG, ids=[name for _, name in WRONG])
def test_wrong_ones_are_found(module, name, dtype):
    if dtype != getattr(module.CASES[name], "only", dtype):
        return
    one, result = asked(module, name, dtype)
    assert result.verdict == getattr(one, "verdict", "deviates"), result.sentence
    check_faults(one, result)
    check_axes(one, result)
