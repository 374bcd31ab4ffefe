"""A sample of the random claims of `nox -s fuzz`, and proof that a false one would be seen."""

import random
from dataclasses import asdict

import pytest
import sympy as sp
from click.testing import CliRunner
from trainspec.spec import kept
from trainspec.spec.arithmetic import prover
from trainspec.spec.tasks import Results

from . import fuzzing
from .fuzzing import FUNCTIONS, NUMBERS, Claim, Outcome, counterexample, judge_claim, random_claim, run, symbolic_values, tensor_values

SHAPES = ((1, 2), (2, 2))

FALSE = [
    Claim(("sign", ("root", "q")), 1),
    Claim(("multiply", "x", ("sign", ("root", "v"))), "x"),
    Claim(("where", ("greater", ("root", "q"), 0), "a", "b"), "a"),
    Claim(("root", ("square", "x")), "x"),
    Claim(("sum_1", "x"), ("mean_1", "x")),
    Claim(("max_1", "x"), "x"),
    Claim(("square", ("max_1", "x")), 0, "slope"),
    Claim("x", ("absolute", "x"), "not_below"),
    Claim(("multiply", "x", ("sum_0", ("where", ("equal_places", "x"), 1, 0))), "x"),
    Claim(("sum_1", ("where", ("greater", "p", 0), ("ones", "x"), 0)), 1),
]


@pytest.mark.parametrize("claim", FALSE, ids=str)
def test_a_false_claim_has_a_counterexample(claim):
    assert counterexample(claim, random.Random(0), SHAPES, 60) is not None


def test_no_false_claim_holds():
    outcomes = run(0, 50)
    assert [str(outcome.claim) for outcome in outcomes if outcome.verdict == "false"] == []
    assert sum(outcome.verdict == "holds" for outcome in outcomes) > 10


@pytest.mark.parametrize(("verdict", "code"), [("false", 1), ("holds", 0)])
def test_a_false_claim_in_any_batch_fails_the_run(monkeypatch, verdict, code):
    outcomes = [Outcome(FALSE[0], "symbols", "unknown"), Outcome(FALSE[1], "tensors", verdict, "x = 0", "agrees")]
    monkeypatch.setattr(fuzzing, "run", lambda seed, claims: outcomes)
    batch = fuzzing.tally(0, 2)
    assert kept.restored(asdict(batch) | {"false": list(batch.false)}, fuzzing.Tally) == batch
    monkeypatch.setattr(fuzzing, "run_tasks", lambda tasks, *_, **__: Results({task.digest: batch for task in tasks}, 0))
    result = CliRunner().invoke(fuzzing.main, ["100", "7"])
    assert (result.exit_code, "4 claims" in result.output) == (code, True)


def test_a_prover_that_takes_roots_for_positive_is_caught(monkeypatch):
    def positive(name, **assumptions):
        return sp.Symbol(name, **({"positive": True} if name == "root" else assumptions), commutative=True)

    monkeypatch.setattr(prover.sp, "Dummy", positive)
    claim = Claim(("multiply", "x", ("sign", ("root", "q"))), "x")
    assert "false" in {judge_claim(claim, random.Random(seed)).verdict for seed in range(3)}


def test_every_operation_and_name_is_drawn():
    source = random.Random(0)
    text = " ".join(str(random_claim(source)) for _ in range(3000))
    assert [name for name in [*FUNCTIONS, *NUMBERS] if name not in text] == []


@pytest.mark.parametrize("values", [symbolic_values((1, 2)), tensor_values()], ids=["symbols", "tensors"])
def test_all_names_have_values(values):
    assert set(NUMBERS) < set(values)
