"""scikit-learn: what the optimizers of its perceptrons follow, as the adapter drives them."""

import pytest
from trainspec.spec.conformance import Verdict
from trainspec.spec.conformance.loading import load_implementation

from .helpers import check_in_process
from .library_runs import LRS, WEIGHTS, error, run_library

pytest.importorskip("sklearn")

PLACE = "sklearn.neural_network._stochastic_optimizers"
FOLLOWED = [
    ("SGDOptimizer", {"momentum": 0.9, "nesterov": False}, "heavy-ball/lr-inside"),
    ("SGDOptimizer", {"momentum": 0.9, "nesterov": True}, "nesterov/lr-inside"),
    ("AdamOptimizer", WEIGHTS, "adam/eps-hat"),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "settings", "convention"), FOLLOWED)
def test_what_an_optimizer_follows(name, settings, convention, dtype):
    points, _ = run_library(f"{PLACE}:{name}", settings, dtype)
    assert error(points, convention, settings) <= 1


@pytest.mark.parametrize(("nesterov", "convention"), [(False, "heavy-ball/lr-inside"), (True, "nesterov/lr-inside")])
def test_sgd(nesterov, convention):
    result = check_in_process(f"{PLACE}:SGDOptimizer", momentum=0.9, nesterov=nesterov)
    assert (result.verdict, result.convention) == (Verdict.CONFORMS, convention), result.message


def test_our_names_and_what_it_remembers():
    assert dict(load_implementation(f"{PLACE}:AdamOptimizer").parameters) == {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    _, state = run_library(f"{PLACE}:AdamOptimizer", {}, "float32")
    assert (state.first_moment.shape, state.second_moment.shape, int(state.steps)) == ((3,), (3,), len(LRS))
