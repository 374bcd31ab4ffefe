"""The vectors: they are what the writer makes, the reference passes them, the changes of formulas do not, and bad files are refused."""

import functools
import hashlib
import itertools
import json
import warnings
from fractions import Fraction

import jsonschema
import ml_dtypes
import numpy as np
import pytest
from trainspec.reference import FORMULAS, tree_leaves
from trainspec.reference.validation import domains
from trainspec.spec.arithmetic import NARROW
from trainspec.spec.conformance.functions.bounds import map_arguments
from trainspec.spec.lines.signature import FREE_SIGNS
from trainspec.spec.lines.text import line
from trainspec.spec.vectors import files
from trainspec.spec.vectors.calls import Candidates
from trainspec.spec.vectors.changes import changes_of, equal_in_real_numbers
from trainspec.spec.vectors.entry import WITHOUT_VECTORS, entry_file
from trainspec.spec.vectors.runs import steps_of
from trainspec.spec.vectors.since import changes_since

from . import replay
from .subjects import (
    FOLDER,
    arguments_of,
    array_in,
    call_passes,
    formula_of,
    identifiers,
    kinds,
    lines_of,
    passes,
    reader,
    result_names,
    result_passes,
    run_passes,
    shape_of,
    value_of,
)

SAMPLE = ("optimizers.adagrad", "norm.layer", "loss.softmax", "schedule.polynomial", "init.he.normal")
REPLAYED = ("optimizers.gd.batch", "loss.softmax", "schedule.polynomial", "storage.compensated_sum", "landscape.saddle.escape")
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


NARROW_SAMPLE = ("activation.gelu.tanh", "loss.softmax_xent", "norm.layer", "norm.rms.backward", "optimizers.adamw", "optimizers.lion")


def narrow_calls(identifier):
    """The calls of an entry in formats of fewer bits."""
    return [fields for fields in lines_of(identifier) if fields["k"] == "call" and fields["dtype"] in NARROW]


@pytest.mark.parametrize("identifier", NARROW_SAMPLE)
def test_results_that_are_off_by_two_units_of_a_narrow_format_are_not_passed(identifier):
    formula = formula_of(identifier)
    calls = narrow_calls(identifier)
    assert {fields["dtype"] for fields in calls} == set(NARROW)
    for fields in calls:
        result = next(name for name in ("out", "out1", "new.theta") if f"{name}.tol" in fields)
        outputs = tree_leaves(formula.raw(**arguments_of(fields, formula)))
        rounded = np.asarray(outputs[0]).astype(fields["dtype"])
        bits = rounded.view(f"u{rounded.dtype.itemsize}")
        moved = [np.where(rounded.astype(float) == 0, bits, bits + 2).astype(bits.dtype).view(rounded.dtype).astype(float), *outputs[1:]]
        assert passes(fields, outputs), fields["id"]
        assert not passes(fields, moved), (fields["id"], result)


@pytest.mark.parametrize("identifier", NARROW_SAMPLE)
def test_a_program_that_rounds_every_operation_is_within_the_wider_tolerance(identifier):
    """The formula on arrays of the format itself, as NumPy computes them, with hyper-parameters in float32."""
    formula, count = formula_of(identifier), 0
    for fields in narrow_calls(identifier):
        kind = np.dtype(fields["dtype"])
        given = {name: map_arguments(functools.partial(in_kind, kind=kind), value) for name, value in arguments_of(fields, formula).items()}
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            outputs = [np.asarray(leaf).astype(kind).astype(float) for leaf in tree_leaves(formula.raw(**given))]
        names = [name for name in result_names(fields) if f"{name}.each" in fields]
        wide = {**fields, **{f"{name}.tol": fields[f"{name}.each"] for name in names}}
        for name, output in zip(result_names(fields), outputs, strict=True):
            if name in names:
                count += 1
                assert result_passes(wide, name, output), (fields["id"], name)
    assert count


def in_kind(value, kind):
    """An array of real numbers in a format; anything else as it is."""
    return value.astype(kind) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value


def test_groups_are_tensors_of_several_shapes_with_the_same_hyper_parameters():
    groups = empty = 0
    for identifier in FORMULAS:
        calls = {fields["id"]: fields for fields in lines_of(identifier) if fields["k"] == "call"}
        named = kinds(lines_of(identifier)[0]["arguments"])
        assert len(calls) == sum(fields["k"] == "call" for fields in lines_of(identifier)), identifier  # no id stands twice
        for fields in lines_of(identifier):
            if fields["k"] == "group":
                groups += 1
                members = [calls[member] for member in fields["of"].split()]
                first = next(iter(named))
                shapes = [shape_of(member, first, len(reader().bits(member[first], member["dtype"]))) for member in members]
                assert shapes == [(3,), (2, 3), (0,)][: len(shapes)]
                assert len(shapes) > 1
                empty += len(shapes) == 3
                for name in ("dtype", *(name for name, kind in named.items() if kind in ("number", "count"))):
                    assert len({member.get(name) for member in members}) == 1, (identifier, name)
    assert groups >= empty > 60


@pytest.mark.sampled(4)
@pytest.mark.parametrize("identifier", sorted({known["id"] for known in equal_in_real_numbers()}))
def test_mutants_that_are_stated_to_be_the_formula_give_the_same_in_all_cases(identifier):
    """To 100 bits, or digit by digit where that cannot be certified; and each that is stated is a mutant."""
    candidates = Candidates(formula_of(identifier), "float64")
    calls = [call for name in candidates.results if (call := candidates.call(name))]
    stated = {f"{known['line']}: {known['change']}" for known in equal_in_real_numbers() if known["id"] == identifier}
    changes = [change for change in changes_of(identifier) if change.words in stated and change.kind == "mutant"]
    unnoticed = [change for change in changes if not any(call.notices(change) for call in calls)]  # the same words may stand for two places
    assert {change.words for change in unnoticed} == stated
    said = MANIFEST["entries"][identifier]["score"]["equivalent"].values()
    assert {change.id for change in changes} & {name for names in said for name in names} == {change.id for change in unnoticed}
    for change in unnoticed:
        answers = [call.is_same(change) for call in calls]
        is_certain = False not in answers and answers.count(True) >= 3
        assert is_certain or all(call.is_same_in_floats(change) for call in calls), change.words


def test_the_length_of_radam_is_no_double_after_the_first_step():
    """Twice a mean of 1 … t weighted by powers of β₂, less 1: for β₂ = n/2ᵏ its denominator has an odd factor."""
    for bits, t in itertools.product(range(1, 7), range(2, 40)):
        for numerator in range(1, 2**bits, 2):
            beta2 = Fraction(numerator, 2**bits)
            length = 2 / (1 - beta2) - 1 - 2 * t * beta2**t / (1 - beta2**t)
            assert length.denominator & (length.denominator - 1), (beta2, t)
    assert 2 / (1 - Fraction(3, 4)) - 1 - 2 * Fraction(3, 4) / (1 - Fraction(3, 4)) == 1


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


def reference_steps(steps, run, keep=lambda part: part):
    """The formula of an optimizer as a step that keeps its state, of whose parts `keep` says how they are stored."""
    given = domains(steps.formula.raw)
    hyper = {name: value_of(run, name, given[name]) for name in steps.keywords if name in run}
    known = []

    def advance(theta, gradient, lr):
        known[:] = known or [steps.start(theta, 0.125 if lr is None else lr, hyper)]
        known[0].theta = theta
        known[0].state = tuple(map(keep, known[0].state))
        return known[0].step(lr, gradient)["theta"]

    return advance


@pytest.mark.parametrize("identifier", REPLAYED)
def test_the_manifest_says_which_changes_are_noticed(identifier):
    assert replay.problems_of(identifier, MANIFEST["entries"][identifier]) == []


def test_the_replay_notices_what_the_manifest_gets_wrong():
    record = json.loads(json.dumps(MANIFEST["entries"]["schedule.polynomial"]))
    record["score"]["noticed"] += 1
    assert replay.problems_of("schedule.polynomial", record)


def test_no_change_survives_that_is_not_the_formula_itself():
    assert not [identifier for identifier, record in MANIFEST["entries"].items() if record["score"]["survivors"]]
    assert MANIFEST["totals"]["survivors"] == 0


@pytest.mark.parametrize("identifier", FREE_SIGNS)
def test_columns_of_free_sign_are_right_with_either_sign_and_as_a_whole(identifier):
    formula, count = formula_of(identifier), 0
    for fields in lines_of(identifier):
        if fields["k"] == "call" and call_passes(fields, formula.raw, arguments_of(fields, formula)):
            outputs = dict(zip(result_names(fields), tree_leaves(formula.raw(**arguments_of(fields, formula))), strict=True))
            for name in FREE_SIGNS[identifier]:
                assert fields[f"{name}.signs"] == "free"
                assert passes(fields, {**outputs, name: outputs[name] * -1}.values())
                if outputs[name].shape[0] > 1:  # of one entry of a column alone the sign is not free
                    bent = np.concatenate([-outputs[name][:1], outputs[name][1:]])
                    count += not np.any(outputs[name] == 0)
                    assert np.any(outputs[name] == 0) or not passes(fields, {**outputs, name: bent}.values()), fields["id"]
    assert count


def narrow_runs(identifier):
    """The runs of an entry in formats of fewer bits, each with its steps."""
    lines = lines_of(identifier)
    runs = [fields for fields in lines if fields["k"] == "run" and fields["dtype"] in NARROW]
    return [(run, [fields for fields in lines if fields["k"] == "step" and fields["of"] == run["id"]]) for run in runs]


WITHOUT_NARROW_RUNS = {
    "adam.efficient_form",  # it has no vectors in these formats
    *("optimizers.muon", "optimizers.muon.nesterov", "optimizers.muon.mean"),  # rounding grows by each of five iterations, past every value
}


def test_optimizers_have_runs_in_narrow_formats():
    having = {identifier for identifier in FORMULAS if narrow_runs(identifier)}
    assert {identifier for identifier in FORMULAS if steps_of(formula_of(identifier))} - having == WITHOUT_NARROW_RUNS
    assert all(int(run["steps"]) == len(steps) >= 2 for identifier in having for run, steps in narrow_runs(identifier))


@pytest.mark.parametrize("identifier", ["optimizers.adamw", "optimizers.lion", "optimizers.rmsprop", "optimizers.momentum.heavy_ball"])
def test_a_state_that_is_rounded_once_a_step_is_within_the_tolerance_of_narrow_runs(identifier):
    steps, kept = steps_of(formula_of(identifier)), functools.partial
    for run, own in narrow_runs(identifier):
        assert run_passes(run, own, reference_steps(steps, run, kept(stored_in, run["dtype"]))), run["id"]


@pytest.mark.parametrize("identifier", ["optimizers.adamw", "optimizers.lion", "optimizers.rmsprop", "optimizers.momentum.heavy_ball"])
def test_points_that_are_off_by_two_units_of_a_narrow_format_are_noticed_in_its_runs(identifier):
    for run, own in narrow_runs(identifier):
        if run["dtype"] in ("float16", "bfloat16"):
            step = reference_steps(steps_of(formula_of(identifier)), run)
            unit = 4 * float(ml_dtypes.finfo(run["dtype"]).eps)
            assert not run_passes(run, own, lambda theta, gradient, lr, step=step, unit=unit: step(theta, gradient, lr) * (1 + unit)), run[
                "id"
            ]


def test_a_program_that_rounds_every_operation_is_within_the_wider_tolerance_of_narrow_runs():
    """AdamW in bfloat16, each operation computed in float32 and rounded."""
    ((run, own),) = [(run, own) for run, own in narrow_runs("optimizers.adamw") if run["dtype"] == "bfloat16"]
    hyper = {name: np.float32(reader().bits(run[name])[0]) for name in ("beta1", "beta2", "eps", "eps_root", "weight_decay")}
    keep, off = functools.partial(stored_in, "bfloat16"), []
    m = v = np.zeros_like(array_in(run, "theta", "bfloat16"))
    for t, fields in enumerate(own, start=1):
        theta, grad = array_in(fields if "theta" in fields else run, "theta", "bfloat16"), array_in(fields, "grad", "bfloat16")
        m = keep(keep(hyper["beta1"] * m) + keep((1 - hyper["beta1"]) * grad))
        v = keep(keep(hyper["beta2"] * v) + keep((1 - hyper["beta2"]) * keep(grad * grad)))
        root = keep(keep(np.sqrt(keep(keep(v / (1 - hyper["beta2"] ** t)) + hyper["eps_root"]))) + hyper["eps"])
        direction = keep(keep(keep(m / (1 - hyper["beta1"] ** t)) / root) + keep(hyper["weight_decay"] * theta))
        got = keep(theta - keep(np.float32(reader().bits(fields["lr"])[0]) * direction))
        assert result_passes({**fields, "new.theta.tol": fields["new.theta.each"], "dtype": "bfloat16"}, "new.theta", got)
        off.append(result_passes({**fields, "dtype": "bfloat16"}, "new.theta", got))
    assert not all(off)  # it rounds more than the narrower tolerance admits


def stored_in(dtype, part):
    """A part of a state as a format holds it, in the dtype that it is computed in."""
    return part.astype(dtype).astype(part.dtype) if isinstance(part, np.ndarray) else part


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


# --- other files ----------------------------------------------------------------------------------------------------------------------


def test_the_digests_are_those_of_the_files():
    sums = dict(reversed(text.split("  ")) for text in (FOLDER / "SHA256SUMS").read_text(encoding="ascii").splitlines())
    assert sums.keys() == {f"{identifier}.jsonl" for identifier in FORMULAS} | {"manifest.json"}
    for name, digest in sums.items():
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest, name


def test_what_has_changed_between_two_folders_is_named_by_case(tmp_path):
    lines = [fields for fields in lines_of("optimizers.adagrad") if fields["k"] in ("call", "run", "step")]
    first, second, third = [fields for fields in lines if fields["k"] == "call"][:3]
    run = next(fields for fields in lines if fields["k"] == "run")
    other = "0" * 16
    edits = {
        first["id"]: ("tolerance", {"new.theta.tol": other}),
        second["id"]: ("expected", {"new.theta": other * 3}),
        third["id"]: ("removed", None),
        run["id"]: ("expected", {"new.theta": other * 5}),
    }
    for name, changed in (("old", False), ("new", True)):
        (tmp_path / name).mkdir()
        kept = [edited(fields, edits) if changed else fields for fields in lines]
        text = "".join(f"{line(fields)}\n" for fields in kept if fields)
        (tmp_path / name / "optimizers.adagrad.jsonl").write_text(text, encoding="ascii")
    changes = {change["id"]: change["kind"] for change in changes_since(tmp_path / "old", tmp_path / "new")}
    assert changes == {identifier: kind for identifier, (kind, _) in edits.items()}
    assert not [*changes_since(tmp_path / "new", tmp_path / "new")]


def edited(fields, edits):
    """A line with its edit; nothing where the edit removes it."""
    _, edit = edits.get(fields.get("id") or fields["of"], ("", {}))
    return None if edit is None else {**fields, **{key: value for key, value in edit.items() if key in fields}}


# --- bad files ------------------------------------------------------------------------------------------------------------------------


def test_the_writer_refuses_what_would_need_an_escape():
    for text in ('"', "\\", "ε", "\n"):
        with pytest.raises(ValueError, match="ASCII"):
            line({"k": text})


def swapped_steps(lines):
    """The lines with the first two steps exchanged."""
    first = next(number for number, text in enumerate(lines) if '"k":"step"' in text)
    return [*lines[:first], lines[first + 1], lines[first], *lines[first + 2 :]]


NO_LINE = "line 3: must be an object of strings"
CHANGES = {
    "the last line is missing": (lambda lines: lines[:-1], r"line \d+: the file is cut off|line \d+: must be an object"),
    "a line is missing": (lambda lines: [*lines[:5], *lines[6:]], r"line \d+: lines before it are missing"),
    "a line after the end": (lambda lines: [*lines, lines[3]], r"line \d+: the file is cut off|line \d+: must be an object"),
    "a line is cut off": (lambda lines: [*lines[:2], lines[2][:-9], *lines[3:]], NO_LINE),
    "a number in the place of a string": (lambda lines: [*lines[:2], '{"k":"flag","id":1}', *lines[3:]], NO_LINE),
    "a key twice": (lambda lines: [*lines[:2], '{"k":"flag","id":"a","id":"b"}', *lines[3:]], NO_LINE),
    "an escape": (lambda lines: [*lines[:2], '{"k":"flag","id":"\\u0061"}', *lines[3:]], NO_LINE),
    "a list": (lambda lines: [*lines[:2], "[]", *lines[3:]], NO_LINE),
    "depth": (lambda lines: [*lines[:2], "[" * 60_000, *lines[3:]], NO_LINE),
    "a line without a kind": (lambda lines: [*lines[:2], "{}", *lines[3:]], NO_LINE),
    "a long line": (lambda lines: [*lines[:2], '{"k":"' + "x" * 70_000 + '"}', *lines[3:]], NO_LINE),
    "another format": (lambda lines: [lines[0].replace("vectors/1", "vectors/9"), *lines[1:]], "line 1: format must be"),
    "no head": (lambda lines: lines[1:], "line 1: format must be"),
    "steps in another order": (swapped_steps, r"line \d+: lines before it are missing, or in another order"),
    "nothing": (lambda lines: [], "line 1: must be an object"),
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
    with pytest.raises(ValueError, match="16 hexadecimal digits"):
        reader().bits("3ff000000000000g")
    (tmp_path / "large.jsonl").write_bytes(b"x" * (reader().LARGEST_FILE + 1))
    with pytest.raises(reader().BadVectors, match="larger than"):
        reader().read_lines(tmp_path / "large.jsonl")
