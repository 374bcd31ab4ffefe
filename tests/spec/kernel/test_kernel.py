"""The export to the proof assistant: true claims of each kind are checked by its kernel, false ones are not, and nothing is assumed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from trainspec.spec import description, kept, ledger
from trainspec.spec.arithmetic import Verdict
from trainspec.spec.arithmetic.stated import StatedTensor, function, symbols, tensor
from trainspec.spec.arithmetic.terms import Branches, NotApplicable
from trainspec.spec.catalogue import catalogue
from trainspec.spec.evidence import EVIDENCE, EvidenceResult, load
from trainspec.spec.kernel import assistant, check
from trainspec.spec.kernel.assistant import (
    AXIOMS,
    ENGINE,
    HEADING,
    REFUSED,
    Checking,
    check_lemmas,
    compiled_library,
    digest_of_lemmas,
    installed,
)
from trainspec.spec.kernel.check import KernelResult, WrittenProof, check_all, reasons, with_kernel, write_proof, writing_task
from trainspec.spec.kernel.claims import ALGEBRA, claims_of_leaf, claims_where
from trainspec.spec.kernel.proofs import Lemma
from trainspec.spec.tasks import Task, Workforce

load()
ROOT = Path(__file__).parents[3]
needs_assistant = pytest.mark.skipif(not installed(), reason="coqc is not installed (Debian: coq and libcoq-coquelicot)")

PROOFS = (
    "momentum.velocity_is_the_last_step",
    "adam.only_its_own_number_corrects",
    "averaging.mean_of_all_points",
    "sign.relatives_of_lion",
)

x, y = symbols("x y")
p, q = symbols("p q", positive=True)
n = ALGEBRA.Symbol("n", integer=True, positive=True)
f = function("f")
a, b, w = tensor("a", n), tensor("b", n, 3), tensor("w", n, positive=True)
k = ALGEBRA.Symbol("k", integer=True, positive=True)
m = ALGEBRA.Symbol("m", integer=True, positive=True)
longer, c = tensor("z", m + 1), tensor("c")
u, d, v = tensor("u", m), tensor("d", m, n), tensor("v", n)
rate, age = tensor("rate", positive=True), np.cumsum(np.ones_like(v))
root_to = np.sqrt(np.cumsum(longer**2))

TRUE = {
    "fraction": (x / (1 + x**2) + 1 / (1 + x**2), (x + 1) / (1 + x**2)),
    "divisor": (1 / (1 / (x - y)), x - y),
    "root": (np.sqrt(p * q**2) + 1 / (1 + np.sqrt(p)), q * np.sqrt(p) + (np.sqrt(p) - 1) / (p - 1)),
    "power": ((p * x) ** (2 * n + 1), p * x * (p**n * x**n) ** 2),
    "one power less": (p ** (n - 1) * p, p**n),
    "exponential": (np.tanh(x), 1 - 2 / (np.exp(x) ** 2 + 1)),
    "logarithm": (np.log(p * np.exp(x) / q**2), np.log(p) + x - 2 * np.log(q)),
    "real power": (p**x * p**y, p ** (x + y)),
    "choice": (np.maximum(x, y) - np.minimum(x, y), np.abs(x - y)),
    "guarded divisor": (np.where(x == 0, 0, x / np.where(x == 0, 1, x)), np.where(x == 0, 0, 1)),
    "unknown function": (f(x + 1) + f(x * y), f(y * x) + f(1 + x)),
    "entries": (a * (w + 1) / w, a + a / w),
    "sum": (np.sum(a * (c + 2 * w)), c * np.sum(a) + 2 * np.sum(w * a)),
    "mean": (np.mean((a - np.mean(a)) ** 2), np.mean(a**2) - np.mean(a) ** 2),
    "sum of sums": (np.sum(np.sum(b, axis=1) * a + 1), a @ np.sum(b, axis=1) + StatedTensor(n)),
    "exchange": (u @ (d @ v), (u @ d) @ v),
    "sums of squares": (np.sum(np.sum(d**2, axis=1) / StatedTensor(n)), np.sum(np.sum(d**2, axis=0) / StatedTensor(n))),
    "powers in a sum": (np.sum(a * rate ** (StatedTensor(n) - age)), rate ** StatedTensor(n) * np.sum(a / rate**age)),
    "one term more": (np.sum(np.sqrt(np.cumsum(longer**2))), ALGEBRA.Sum(root_to.at(k), (k, 1, m)) + root_to.at(m + 1)),
    "last term": (np.sum(longer), ALGEBRA.Sum(longer.at(k), (k, 1, m)) + longer.at(m + 1)),
    "root of a sum": (np.sqrt(np.sum(w * c**2)) ** 2, c**2 * np.sum(w)),
    "inequality": (p / (1 + p) < 1, True),
}


def lemmas(name, wrong=False):
    """The lemmas of a claim; of a wrong one the right side is 1 larger, or a number below 1 at least 1."""
    got, claimed = TRUE[name]
    written = [Lemma(f"claim_{number}", *claim).prove() for number, claim in enumerate(claims_of_leaf(got, claimed), start=1)]
    text = "\n".join(written)
    return re.sub(r"= ([^\n]*)\.\nProof", r"= \1 + 1.\nProof", text).replace("< 1.\nProof", "< 1 / 2.\nProof") if wrong else text


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The folder of the compiled library."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRAINSPEC_CACHE", str(tmp_path_factory.mktemp("kernel") / "kept"))
        return compiled_library()


@pytest.fixture
def one_library(library, monkeypatch):
    """The same compiled library for all tests of this process."""
    monkeypatch.setattr(assistant, "compiled_library", lambda: library)


def file_of(text):
    return HEADING.format(title="a test", says="") + text


@needs_assistant
@pytest.mark.usefixtures("one_library")
def test_true_claims_of_each_kind_are_checked():
    texts = [lemmas(name).replace("claim_", f"{name.replace(' ', '_')}_") for name in TRUE]
    assert check_lemmas(file_of("\n".join(texts))).reason == ""


@needs_assistant
@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", TRUE)
@pytest.mark.usefixtures("one_library")
def test_wrong_claims_of_each_kind_are_refused(name):
    wrong = lemmas(name, wrong=True)
    assert wrong != lemmas(name)
    assert check_lemmas(file_of(wrong)).reason == REFUSED


@pytest.mark.parametrize("name", sorted(TRUE.keys() - {"inequality"}))
def test_no_proof_is_written_of_a_wrong_claim(name):
    got, claimed = TRUE[name]
    for claim in claims_of_leaf(got, claimed + 1):
        with pytest.raises(NotApplicable):
            Lemma("claim", *claim).prove()


def test_hypotheses_say_where_a_claim_has_values():
    (claim,) = claims_of_leaf(*TRUE["divisor"])
    assert "(H0 : (v_x + (- v_y)) <> 0)" in Lemma("claim", *claim).statement()
    (claim,) = claims_of_leaf(*TRUE["guarded divisor"])
    assert "(H0 : v_x <> 0 -> (if Req_EM_T v_x 0 then 1 else v_x) <> 0)" in Lemma("claim", *claim).statement()


def test_a_claim_without_a_domain_is_not_exported():
    (claim,) = claims_of_leaf(x / (x - x), np.sqrt(-p))
    with pytest.raises(NotApplicable, match="no point of the domain is drawn"):
        Lemma("claim", *claim)


@needs_assistant
@pytest.mark.usefixtures("one_library")
def test_what_is_assumed_is_told():
    text = "Axiom convenient : forall x : R, x = 0.\nLemma claims : 1 = 0. Proof. apply convenient. Qed.\nPrint Assumptions claims.\n"
    assert check_lemmas(file_of(text)).reason == "assumes convenient"


def test_the_assumptions_stand_in_the_trust_model():
    text = (ROOT / "spec" / "site" / "trust.md").read_text(encoding="utf-8")
    assert all(axiom.rpartition(".")[2] in text for axiom in AXIOMS)


def claims_on_all_ways(got, claimed):
    """The claims that two functions make on all ways through them."""
    branches = Branches(4)
    return [claim for _ in branches.runs() for claim in claims_where(branches, got(), claimed())]


@needs_assistant
@pytest.mark.usefixtures("one_library")
def test_a_branch_makes_claims_on_both_ways():
    claims = claims_on_all_ways(lambda: max(x, y) if x > 0 else x, lambda: np.where(x > 0, np.maximum(x, y), x))
    assert len(claims) == 3
    text = "\n".join(Lemma(f"claim_{number}", *claim).prove() for number, claim in enumerate(claims))
    assert check_lemmas(file_of(text)).reason == ""


def test_what_is_false_on_one_way_is_not_proved():
    claims = claims_on_all_ways(lambda: max(x, y), lambda: x)
    assert len(claims) == 2
    with pytest.raises(NotApplicable):
        [Lemma("claim", *claim).prove() for claim in claims]


def test_a_branch_is_refused_where_one_way_alone_is_taken():
    with pytest.raises(NotApplicable, match="a branch on a number that is not a constant"):
        max(x, y)
    with pytest.raises(NotApplicable, match="a branch on a number that is not a constant"):
        bool(k < m)
    with pytest.raises(NotApplicable, match="too many branches"):
        claims_on_all_ways(lambda: [bool(x > bound) for bound in range(5)] and x, lambda: x)


@needs_assistant
@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", PROOFS)
def test_proofs_of_the_evidence_are_checked(tmp_path, name):
    (result,) = check_all([name], Workforce(1), folder=tmp_path)
    assert (result.checked, result.reason) == (True, "")
    assert result.claims > 0
    assert (tmp_path / f"{name.replace('.', '_')}.v").read_text(encoding="utf-8").count("Lemma claim_") == result.claims


def keep_checked(name, reason=""):
    """Keep that the assistant has checked a proof, or why not."""
    task, text = writing_task(name), f"the lemmas of {name}"
    kept.keep(task.digest, str(task), WrittenProof(text, 3, "", 1.0))
    digest = digest_of_lemmas(text)
    kept.keep(digest, str(Task(check_lemmas, (text,), digest)), Checking(reason, 1.0))


def test_a_checked_proof_has_one_engine_more():
    name = "momentum.velocity_is_the_last_step"
    holds = EvidenceResult(name, Verdict.HOLDS, "", 0.1, engines=("SymPy", "Modular"))
    assert with_kernel(holds) == holds
    keep_checked(name, REFUSED)
    assert with_kernel(holds) == holds
    keep_checked(name)
    assert with_kernel(holds).engines == ("SymPy", "Modular", ENGINE)
    unknown = EvidenceResult(name, Verdict.UNKNOWN, "", 0.1, engines=("SymPy",))
    assert with_kernel(unknown) == unknown


def test_show_and_ledger_name_the_engines():
    entry = catalogue().entries["optimizers.momentum.two_stage"]
    ledger.verify([entry], [], workforce=Workforce(1))
    name = "momentum.two_stages_are_one_step"
    assert name in EVIDENCE
    keep_checked(name)
    known = {piece["name"]: piece for piece in description.describe_entry(entry, with_figures=False)["evidence"]}
    assert known[name]["verdict"] == "holds"
    assert known[name]["engines"] == ["SymPy", "Modular", ENGINE]
    assert ledger.kept_ledger([entry], []).engines()["kernel"] == 1


def test_reasons_are_counted():
    assert reasons([KernelResult("a", False, "a limit"), KernelResult("b", False, "a limit"), KernelResult("c", True)]) == [("a limit", 2)]


def test_an_export_that_raises_is_counted(monkeypatch):
    monkeypatch.setattr(check, "write_lemmas", lambda name: {}[name])
    assert write_proof(PROOFS[0]).reason == "the export raised KeyError"


COMMAND = """
from trainspec.spec.kernel import assistant, check
assistant.installed = lambda: True
check.check_all = lambda names, *_, **__: [check.KernelResult(name, True) for name in names]
from trainspec.spec.cli import main
main(["kernel", "optimizers.momentum.two_stage", "--json"])
"""


def test_the_command_takes_the_proofs_of_the_entries_that_are_named():
    answer = subprocess.run([sys.executable, "-c", COMMAND], capture_output=True, text=True, check=True)
    names = [result["name"] for result in json.loads(answer.stdout)]
    assert "momentum.two_stages_are_one_step" in names
    assert len(names) < 20
