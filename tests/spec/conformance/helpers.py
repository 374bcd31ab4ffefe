"""Run the kit in this process: quick, for implementations that behave; and validate results."""

import json
import os
from dataclasses import replace
from importlib.resources import files

import jsonschema
from trainspec.spec.conformance import Verdict
from trainspec.spec.conformance.functions.runner import formula_named
from trainspec.spec.conformance.functions.verdict import check_function
from trainspec.spec.conformance.implementation import Task
from trainspec.spec.conformance.loading import import_path, load_implementation
from trainspec.spec.conformance.optimizers.runner import observe
from trainspec.spec.conformance.optimizers.verdict import convention_named, judge_optimizer
from trainspec.spec.conformance.sandbox import InProcessRunner

SCHEMA = json.loads(files("trainspec.spec.conformance").joinpath("result.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


EVERY_FOURTH = 1 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 4


def in_both_formats(cases):
    """Return every case with float64, and every fourth with float32, in a long run all."""
    cases = list(cases)
    return [(case, "float64") for case in cases] + [(case, "float32") for case in cases[::EVERY_FOURTH]]


def check_in_process(target, command="check", against=None, dtype="float64", names=None, **settings):
    """Return the result of an optimizer."""
    task = Task(import_path(target), settings, names or {}, dtype)
    report = observe(load_implementation(task.target), task)
    return judge_optimizer(report, task, command, convention_named(against) if against else None)


def check_function_in_process(target, against="", dtype="float64", names=None, settings=None, outputs=(), **options):
    """Return the result of a function."""
    task = Task(import_path(target), settings or {}, names or {}, dtype, outputs=outputs)
    task = replace(task, against=formula_named(against).id) if against else task
    return check_function(task, InProcessRunner(), **options)


def valid_record(result):
    """Return a result as JSON that was read back, after validating it."""
    record = json.loads(json.dumps(result.as_json(), allow_nan=False))
    VALIDATOR.validate(record)
    return record


def assert_told_of_arrays(result, words):
    """An optimizer that is right for one vector is told what is wrong with several arrays."""
    assert (result.verdict, result.exit_code) == (Verdict.DEVIATES, 1), result.message
    assert words in result.message
    assert "On one vector it follows" in result.message
    valid_record(result)
