"""The structure of the kit: the same files for the same roles, one schema, one table of hyper-parameters."""

import json
from pathlib import Path

import jsonschema
import pytest
from trainspec.spec import conformance
from trainspec.spec.arithmetic.rounding import error_in_bounds
from trainspec.spec.conformance.hyperparameters import DEFAULTS, InvalidSettings, canonical_argument, canonical_name, hyperparameters
from trainspec.spec.conformance.result import FAULT_KINDS, RESULTS, field_names
from trainspec.spec.conformance.result_schema import PATH, result_schema, schema_text

KIT = Path(conformance.__file__).parent


def test_the_same_roles_have_the_same_files():
    files = {kind: {path.name for path in (KIT / kind).glob("*.py")} for kind in ("optimizers", "functions", "initializers")}
    assert {"runner.py", "verdict.py"} <= set.intersection(*files.values())
    assert {"runner.py", "matching.py", "counterexample.py", "verdict.py"} <= files["optimizers"] & files["functions"]


def test_modules_are_short():
    assert [path.name for path in KIT.rglob("*.py") if len(path.read_text(encoding="utf-8").splitlines()) > 500] == []


def test_the_schema_is_current_and_valid():
    assert PATH.read_text(encoding="utf-8") == schema_text()
    jsonschema.Draft202012Validator.check_schema(result_schema())
    assert json.loads(schema_text()) == result_schema()


@pytest.mark.parametrize("kind", RESULTS, ids=lambda kind: kind.kind)
def test_the_schema_has_the_keys_of_every_kind_of_result(kind):
    properties = result_schema()["$defs"][kind.__name__]["properties"]
    assert list(properties) == field_names(kind)
    assert properties["kind"] == {"const": kind.kind}


def test_every_kind_of_fault_is_in_the_schema_and_used():
    source = "".join(path.read_text(encoding="utf-8") for path in KIT.rglob("*.py") if path.name != "result.py")
    assert result_schema()["$defs"]["Fault"]["properties"]["kind"]["enum"] == list(FAULT_KINDS)
    assert [kind for kind in FAULT_KINDS if f'"{kind}"' not in source and kind != "internal"] == []


def test_hyper_parameters_have_one_name_each():
    aliases = [alias for row in hyperparameters().values() for alias in row.aliases]
    assert len(aliases) == len(set(aliases))
    assert not set(aliases) & set(DEFAULTS)
    for row in hyperparameters().values():
        assert row.words or row.function_aliases or row.built_in or row.neutral is not None, row.name
        assert len(row.separating) != 1 or row.default is None
        for value in (*row.separating, *row.common, *([] if row.default is None else [row.default])):
            row.check(value)


def test_names_depend_on_those_beside_them():
    assert (canonical_name("alpha"), canonical_name("alpha", {}, ["alpha", "beta1"])) == ("decay", "lr")
    assert (canonical_name("decay", {}, ["decay"]), canonical_name("decay", {}, ["decay", "betas"])) == ("decay", "weight_decay")
    assert canonical_name("friction", {"friction": "momentum"}) == "momentum"
    assert (canonical_argument("Weight_", ["gamma", "beta"]), canonical_argument("unknown", ["gamma"])) == ("gamma", "")
    with pytest.raises(InvalidSettings, match="lr must be > 0, got 0"):
        hyperparameters()["lr"].check(0)


def test_errors_in_bounds():
    assert error_in_bounds([0, 1, 2, 0], [1, 2, 0, 0]).tolist() == [0, 0.5, float("inf"), 0]
    assert error_in_bounds(3.0, 1.5) == 2
