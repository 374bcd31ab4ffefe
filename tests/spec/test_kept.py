"""Results that are kept: what is unchanged is not run again, and what has changed is."""

import json
from pathlib import Path

import pytest
from trainspec.spec import kept, ledger, tasks
from trainspec.spec.arithmetic import Verdict
from trainspec.spec.catalogue import catalogue
from trainspec.spec.evidence import EVIDENCE, PRINTED_FORMS, EvidenceResult, load
from trainspec.spec.tasks import Workforce

load()
ENTRY = "momentum.unrolled"
PIECES = [name for name, piece in EVIDENCE.items() if ENTRY in piece.ids]


def verify(**options):
    return ledger.verify([catalogue().entries[ENTRY]], [], workforce=Workforce(1), **options)


def without_workers(*args, **options):
    raise AssertionError("a worker was started")


@pytest.fixture
def once():
    """The results of a first run, which are kept."""
    return verify()


def test_nothing_unchanged_is_run_again(once, monkeypatch):
    monkeypatch.setattr(tasks, "process_pool", without_workers)
    again = verify()
    assert (once.kept, again.kept) == (0, len(PIECES))
    assert again.entries == once.entries
    with pytest.raises(AssertionError, match="a worker was started"):
        verify(fresh=True)
    with pytest.raises(AssertionError, match="a worker was started"):
        verify(full=True)


@pytest.mark.parametrize("text", ["", "[]", "{}", "nothing", '{"name": "another"}', "\udcff"])
def test_a_damaged_file_is_not_used(once, text):
    (files,) = [sorted(kept.folder().iterdir())]
    assert len(files) == len(PIECES)
    files[0].write_text(text, errors="surrogateescape")
    again = verify()
    assert again.kept == len(PIECES) - 1
    assert [record.verdict for record in again.entries] == [record.verdict for record in once.entries]


@pytest.mark.parametrize("field", ["name", "verdict", "detail", "seconds", "engines", "alone"])
def test_every_field_is_checked(once, field):
    for file in kept.folder().iterdir():
        record = json.loads(file.read_text())
        file.write_text(json.dumps({**record, "result": {**record["result"], field: [record["result"][field]]}}))
    assert verify().kept == 0


def test_the_name_of_what_a_result_is_of_is_checked(once):
    for file in kept.folder().iterdir():
        file.write_text(json.dumps({**json.loads(file.read_text()), "name": "another"}))
    assert verify().kept == 0


def result_of(verdict):
    return EvidenceResult(PIECES[0], verdict, "as it is", 1.0, engines=("SymPy",))


@pytest.mark.parametrize(("verdict", "is_kept"), [(Verdict.HOLDS, True), (Verdict.REFUTED, True), (Verdict.UNKNOWN, False)])
def test_what_is_not_decided_is_not_kept(verdict, is_kept):
    task = ledger.evidence_task(PIECES[0])
    kept.keep(task.digest, str(task), result_of(verdict))
    assert ledger.kept_results([PIECES[0]]) == ({PIECES[0]: result_of(verdict)} if is_kept else {})
    assert ledger.kept_results([PIECES[0]], full=True) == {}


def test_a_folder_that_cannot_be_written_keeps_nothing(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TRAINSPEC_CACHE", str(tmp_path / "file"))
    kept.keep("digest", "name", result_of(Verdict.HOLDS))
    assert kept.read("digest", "name", EvidenceResult) is None


@pytest.mark.parametrize(
    ("data", "kind"),
    [(1, float), (True, int), ("1", int), ([1], tuple[str, ...]), ({"a": [1]}, dict[str, tuple[str, ...]]), ("open", Verdict), (None, str)],
)
def test_data_of_another_type_is_not_restored(data, kind):
    with pytest.raises(ValueError, match="is no"):
        kept.restored(data, kind)


def names_of(files):
    return {"/".join(file.parts[-2:]) for file in files}


@pytest.mark.parametrize(
    ("name", "needed", "other"),
    [
        ("sign.lion_by_its_sign", {"reference/sign.py", "evidence/sign.py", "catalogue/sign.toml", "arithmetic/prover.py"}, "adam"),
        ("momentum.repeated_heavy_ball", {"evidence/_repetition.py", "inputs/cases.py", "catalogue/momentum.toml"}, "losses"),
        (PIECES[0], {"reference/momentum.py", "evidence/momentum.py", "catalogue/momentum.toml", "evidence/_judge.py"}, "losses"),
    ],
)
def test_a_piece_depends_on_what_it_uses(name, needed, other):
    files = names_of(kept.dependencies(name))
    assert needed | {"reference/domains.py", "reference/validation.py", "evidence/_run.py", "inputs/strategies.py"} <= files
    assert not {f"reference/{other}.py", f"evidence/{other}.py", f"catalogue/{other}.toml"} & files


def test_every_piece_depends_on_its_formulas_and_its_data():
    for name, piece in EVIDENCE.items():
        files = names_of(kept.dependencies(name))
        chapters = {catalogue().entries[identifier].chapter for identifier in piece.ids}
        assert {f"catalogue/{chapter}.toml" for chapter in chapters} <= files, name
        assert f"evidence/{name.partition('.')[0]}.py" in files, name
        assert {f"reference/{kept.FORMULAS_BY_NAME[formula].__module__.rpartition('.')[2]}.py" for formula in piece.formulas} <= files, name


@pytest.mark.parametrize("name", [PIECES[0], next(iter(PRINTED_FORMS))])
def test_a_change_of_any_dependency_changes_the_digest(name, monkeypatch):
    digests = {kept.digest_of_evidence(name, full=False), kept.digest_of_evidence(name, full=True)}
    files = kept.dependencies(name)
    unchanged = kept.digest_of_file
    for changed in files:
        monkeypatch.setattr(kept, "digest_of_file", lambda path, changed=changed: "changed" if path == changed else unchanged(path))
        digests.add(kept.digest_of_evidence(name, full=False))
    assert len(digests) == len(files) + 2
    monkeypatch.setattr(kept, "digest_of_file", lambda path: unchanged(path) if path in files else "changed")
    assert kept.digest_of_evidence(name, full=False) in digests


def test_other_versions_change_the_digest(monkeypatch):
    before = kept.digest_of_evidence(PIECES[0], full=False)
    monkeypatch.setattr(kept, "environment", lambda: ("3.14.0",))
    assert kept.digest_of_evidence(PIECES[0], full=False) != before


def test_the_files_are_there():
    assert all(isinstance(file, Path) and file.is_file() for name in PIECES for file in kept.dependencies(name))
