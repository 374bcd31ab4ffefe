"""The vectors: they are what the writer makes, the reference passes them, the changes of formulas do not, and bad files are refused."""

import hashlib
import json

import jsonschema
import numpy as np
import pytest
from trainspec.reference import FORMULAS
from trainspec.reference.validation import domains
from trainspec.spec.lines.text import line
from trainspec.spec.vectors import files
from trainspec.spec.vectors.entry import WITHOUT_VECTORS, entry_file
from trainspec.spec.vectors.runs import steps_of

from . import replay
from .subjects import FOLDER, arguments_of, call_passes, formula_of, identifiers, lines_of, reader, run_passes

SAMPLE = ("optimizers.adagrad", "norm.layer", "loss.softmax", "schedule.polynomial", "init.he.normal")
REPLAYED = ("optimizers.gd.batch", "loss.softmax", "schedule.polynomial")
MANIFEST = replay.manifest()


# --- what is committed ----------------------------------------------------------------------------------------------------------------


def test_every_formula_has_a_file_and_every_file_a_formula():
    assert set(identifiers()) == set(FORMULAS) == set(MANIFEST["entries"])


@pytest.mark.parametrize("identifier", SAMPLE)
def test_files_are_what_is_written(identifier):
    file = entry_file(identifier)
    assert (FOLDER / f"{identifier}.jsonl").read_bytes() == file.text.encode("ascii")
    assert MANIFEST["entries"][identifier] == files.entry_record(file)


def test_the_manifest_has_the_digests_and_sizes_of_the_files():
    for identifier, record in MANIFEST["entries"].items():
        data = (FOLDER / f"{identifier}.jsonl").read_bytes()
        assert hashlib.sha256(data).hexdigest() == record["sha256"], identifier
        assert len(data) == record["bytes"] <= files.LARGEST_FILE, identifier
        assert max(map(len, data.split(b"\n"))) <= files.LARGEST_LINE, identifier
    assert MANIFEST["totals"]["bytes"] == sum(record["bytes"] for record in MANIFEST["entries"].values()) <= files.LARGEST_FOLDER
    assert (FOLDER / "manifest.json").stat().st_size <= files.LARGEST_FILE


@pytest.mark.parametrize("identifier", SAMPLE)
def test_lines_are_as_the_schema_says(identifier):
    validator = jsonschema.Draft202012Validator(json.loads((FOLDER / "schema.json").read_text(encoding="utf-8")))
    for fields in lines_of(identifier):
        validator.validate(fields)


def test_the_schema_refuses_what_is_no_line():
    validator = jsonschema.Draft202012Validator(json.loads((FOLDER / "schema.json").read_text(encoding="utf-8")))
    for fields in (
        {"k": "call"},
        {"k": "else"},
        {"k": "end", "lines": "1", "more": ""},
        {"k": "end", "lines": 1},
        {"k": "end", "lines": "x"},
    ):
        assert not validator.is_valid(fields)


# --- what passes, and what does not ---------------------------------------------------------------------------------------------------


def test_the_reference_passes_every_call():
    for identifier, formula in FORMULAS.items():
        calls = [fields for fields in lines_of(identifier) if fields["k"] == "call"]
        assert not [fields["id"] for fields in calls if not call_passes(fields, formula.raw, arguments_of(fields, formula))]


def test_every_entry_has_vectors_unless_a_reason_is_stated():
    empty = {identifier for identifier in FORMULAS if not {"call", "law"} & {fields["k"] for fields in lines_of(identifier)}}
    assert empty == WITHOUT_VECTORS.keys() == MANIFEST["without_vectors"].keys()


def test_laws_are_those_of_the_initializers():
    """Fresh draws of the reference have the mean square and the reach of the law, within five deviations of an estimate."""
    laws = [fields for identifier in FORMULAS for fields in lines_of(identifier) if fields["k"] == "law"]
    assert laws
    for fields in laws:
        formula = formula_of(fields["id"].partition("/")[0])
        arguments = {name: int(fields[name]) for name in ("fan_out", "fan_in")}
        arguments |= {name: reader().bits(fields[name])[0] for name in domains(formula.raw) if name in fields and name not in arguments}
        drawn = formula(np.random.default_rng(1), **arguments)
        mean_square, reach = (reader().bits(fields[name])[0] for name in ("mean_square", "reach"))
        spread = np.std(drawn**2) / np.sqrt(drawn.size)
        assert abs(np.mean(drawn**2) - mean_square) <= 5 * spread, formula.id
        assert np.max(np.abs(drawn)) <= reach, formula.id


def test_the_reference_passes_every_run():
    for identifier, formula in FORMULAS.items():
        steps = steps_of(formula)
        lines = lines_of(identifier)
        for run in [fields for fields in lines if fields["k"] == "run"]:
            own = [fields for fields in lines if fields["k"] == "step" and fields["of"] == run["id"]]
            assert len(own) == int(run["steps"])
            assert run_passes(run, own, reference_steps(steps, run)), run["id"]


def reference_steps(steps, run):
    """The formula of an optimizer as a step that keeps its state."""
    hyper = {name: reader().bits(run[name])[0] for name in steps.keywords if name in run}
    state = {}

    def advance(theta, gradient, lr):
        state.setdefault("state", steps.initial(theta, 0.125 if lr is None else lr))
        rate = {"lr": lr} if "lr" in steps.keywords else {}
        result = steps.formula.raw(theta, gradient if steps.takes_function else gradient(theta), *state["state"], **rate, **hyper)
        theta, *state["state"] = result if isinstance(result, tuple) else (result,)
        return theta

    return advance


@pytest.mark.parametrize("identifier", REPLAYED)
def test_the_manifest_says_which_changes_are_noticed(identifier):
    assert replay.problems_of(identifier, MANIFEST["entries"][identifier]) == []


def test_the_replay_notices_what_the_manifest_gets_wrong():
    record = json.loads(json.dumps(MANIFEST["entries"]["schedule.polynomial"]))
    record["scores"]["float64"]["noticed"] += 1
    assert replay.problems_of("schedule.polynomial", record)


def test_a_call_with_one_other_digit_is_not_passed():
    fields = next(fields for fields in lines_of("optimizers.adagrad") if fields["k"] == "call" and fields["dtype"] == "float64")
    formula = formula_of("optimizers.adagrad")
    arguments = arguments_of(fields, formula)
    assert call_passes(fields, formula.raw, arguments)
    digits = fields["new.theta"]
    changed = {**fields, "new.theta": f"{digits[:10]}{(int(digits[10], 16) + 1) % 16:x}{digits[11:]}"}
    assert not call_passes(changed, formula.raw, arguments)
    assert not call_passes(fields, lambda **_: (arguments["theta"], arguments["sum_sq"]), arguments)
    assert not call_passes(fields, lambda **_: (np.full(arguments["theta"].shape, np.nan), arguments["sum_sq"]), arguments)


# --- bad files ------------------------------------------------------------------------------------------------------------------------


def test_the_writer_refuses_what_would_need_an_escape():
    for text in ('"', "\\", "ε", "\n"):
        with pytest.raises(ValueError, match="ASCII"):
            line({"k": text})


def swapped_steps(lines):
    """The lines with the first two steps exchanged."""
    first = next(number for number, text in enumerate(lines) if '"k":"step"' in text)
    return [*lines[:first], lines[first + 1], lines[first], *lines[first + 2 :]]


NO_LINE = "line 3: must be a JSON object of strings"
CHANGES = {
    "the last line is missing": (lambda lines: lines[:-1], r"line \d+: the file is cut off"),
    "a line is cut off": (lambda lines: [*lines[:2], lines[2][:-9], *lines[3:]], NO_LINE),
    "a number in the place of a string": (lambda lines: [*lines[:2], '{"k":"flag","id":1}', *lines[3:]], NO_LINE),
    "a list": (lambda lines: [*lines[:2], "[]", *lines[3:]], NO_LINE),
    "a line without a kind": (lambda lines: [*lines[:2], "{}", *lines[3:]], NO_LINE),
    "a long line": (lambda lines: [*lines[:2], '{"k":"' + "x" * 70_000 + '"}', *lines[3:]], NO_LINE),
    "another format": (lambda lines: [lines[0].replace("vectors/1", "vectors/9"), *lines[1:]], "line 1: format must be"),
    "no head": (lambda lines: lines[1:], "line 1: must be the line of the suite"),
    "steps in another order": (swapped_steps, r"line \d+: step 2 of .* must be step 1"),
    "nothing": (lambda lines: [], "line 1: must be the line of the suite"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_bad_file_is_refused_by_its_line(change, tmp_path):
    edit, message = CHANGES[change]
    lines = (FOLDER / "optimizers.adagrad.jsonl").read_text(encoding="ascii").splitlines()
    path = tmp_path / "bad.jsonl"
    path.write_text("".join(f"{text}\n" for text in edit(lines)), encoding="ascii")
    with pytest.raises(reader().BadVectors, match=message):
        reader().read_lines(path)


def test_another_digest_and_a_large_file_are_refused(tmp_path):
    path = FOLDER / "optimizers.adagrad.jsonl"
    digest = MANIFEST["entries"]["optimizers.adagrad"]["sha256"]
    assert reader().read_lines(path, digest)
    with pytest.raises(reader().BadVectors, match="digest"):
        reader().read_lines(path, "0" * 64)
    (tmp_path / "large.jsonl").write_bytes(b"x" * (reader().LARGEST_FILE + 1))
    with pytest.raises(reader().BadVectors, match="larger than"):
        reader().read_lines(tmp_path / "large.jsonl")
