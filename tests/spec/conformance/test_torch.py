"""A real implementation: torch.optim.SGD, in all its forms."""

import pytest
from trainspec.spec.conformance import Verdict, check

from .asking import ask

torch = pytest.importorskip("torch")

SGD = "torch.optim:SGD"
FORMS = [
    ({}, "gradient-descent"),
    ({"momentum": 0.9}, "heavy-ball/lr-outside"),
    ({"momentum": 0.9, "nesterov": True}, "nesterov/lr-outside"),
    ({"momentum": 0.9, "dampening": 0.5}, "heavy-ball/lr-outside/first-step-full"),
    ({"momentum": 0.9, "dampening": 0.9}, "heavy-ball/lr-outside/first-step-full"),
    ({"momentum": 0.9, "foreach": True}, "heavy-ball/lr-outside"),
    ({"momentum": 0.9, "fused": True}, "heavy-ball/lr-outside"),
    ({"momentum": 0.9, "lr": 0.01}, "heavy-ball/lr-outside"),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("settings", "convention"), FORMS)
def test_sgd(settings, convention, dtype):
    result = ask(SGD, dtype=dtype, **settings)
    assert (result.verdict, result.convention) == (Verdict.CONFORMS, convention), result.sentence
    assert result.error_in_bounds <= 1
    assert result.margin > 1000


def test_maximize_ascends():
    result = ask(SGD, momentum=0.9, maximize=True)
    assert (result.verdict, result.convention) == (Verdict.DEVIATES, "heavy-ball/lr-outside/ascent-sign")
    assert (result.divergence.step, result.divergence.coordinate) == (1, 0)


def test_weight_decay_is_coupled():
    result = ask(SGD, momentum=0.9, weight_decay=0.1)
    assert (result.verdict, result.axes["weight_decay"]) == (Verdict.CONFORMS, "coupled")


def test_what_torch_refuses_is_reported():
    result = ask(SGD, momentum=0.9, dampening=0.5, nesterov=True)
    assert (result.exit_code, result.faults[0].kind) == (2, "raises")
    assert "Nesterov momentum requires a momentum and zero dampening" in result.sentence


def test_another_family_is_named():
    result = ask("torch.optim:Adam")
    assert (result.verdict, result.convention) == (Verdict.CONFORMS, "adam")


class MySGD(torch.optim.SGD):
    pass


def test_a_class_of_ones_own_that_derives_from_torchs():
    result = ask(MySGD, momentum=0.9)
    assert result.convention == "heavy-ball/lr-outside"
    assert result.sentence.startswith("conformance.test_torch:MySGD follows")


def test_in_a_process_of_its_own():
    result = check(torch.optim.SGD, {"momentum": 0.9})
    assert result.verdict == Verdict.CONFORMS
    version = torch.__version__.partition("+")[0]
    assert result.sentence.startswith(f"torch.optim.sgd.SGD {version} follows heavy ball with the learning rate outside the velocity")
    assert result.environment["library_version"].startswith(version)
