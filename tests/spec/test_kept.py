"""Results that are kept: what is unchanged is not run again, and what has changed is."""

import json
from pathlib import Path

import pytest
from trainspec.spec import kept, ledger
from trainspec.spec.arithmetic import Verdict
from trainspec.spec.catalogue import catalogue
from trainspec.spec.evidence import EVIDENCE, PRINTED_FORMS, EvidenceResult, load

load()
ENTRY = "momentum.unrolled"
PIECES = [name for name, piece in EVIDENCE.items() if ENTRY in piece.ids]


def verify(**options):
    return ledger.verify([catalogue().entries[ENTRY]], [], jobs=1, **options)


def without_workers(*args, **options):
    raise AssertionError("a worker was started")


@pytest.fixture
def once():
    """The results of a first run, which are kept."""
    return verify()


def test_nothing_unchanged_is_run_again(once, monkeypatch):
    monkeypatch.setattr(ledger, "workers", without_workers)
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
        file.write_text(json.dumps({**record, field: [record[field]]}))
    assert verify().kept == 0


def test_what_is_not_decided_is_not_kept():
    kept.keep(EvidenceResult(PIECES[0], Verdict.UNKNOWN, "raised an error", 1.0, raised=True), full=False)
    assert kept.read(PIECES[0], full=False) is None
    kept.keep(EvidenceResult(PIECES[0], Verdict.REFUTED, "claim 1", 1.0), full=False)
    assert kept.read(PIECES[0], full=False) == EvidenceResult(PIECES[0], Verdict.REFUTED, "claim 1", 1.0)
    assert kept.read(PIECES[0], full=True) is None


def test_a_folder_that_cannot_be_written_keeps_nothing(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TRAINSPEC_CACHE", str(tmp_path / "file"))
    kept.keep(EvidenceResult(PIECES[0], Verdict.HOLDS, "", 1.0), full=False)
    assert kept.read(PIECES[0], full=False) is None


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
    digests = {kept.digest(name, full=False), kept.digest(name, full=True)}
    files = kept.dependencies(name)
    unchanged = kept.digest_of_file
    for changed in files:
        monkeypatch.setattr(kept, "digest_of_file", lambda path, changed=changed: "changed" if path == changed else unchanged(path))
        digests.add(kept.digest(name, full=False))
    assert len(digests) == len(files) + 2
    monkeypatch.setattr(kept, "digest_of_file", lambda path: unchanged(path) if path in files else "changed")
    assert kept.digest(name, full=False) in digests


def test_other_versions_change_the_digest(monkeypatch):
    before = kept.digest(PIECES[0], full=False)
    monkeypatch.setattr(kept, "environment", lambda: ("3.14.0",))
    assert kept.digest(PIECES[0], full=False) != before


def test_the_files_are_there():
    assert all(isinstance(file, Path) and file.is_file() for name in PIECES for file in kept.dependencies(name))
