"""Formulas as errata print them: what the catalogue changes, and the lines that people are shown."""

import re

import numpy as np
import pytest
from trainspec.reference import FORMULAS
from trainspec.reference.syntax import compile_function, state_arguments
from trainspec.spec.arithmetic import Symbolic, Verdict, proven_zero, symbols
from trainspec.spec.changes.equations import symbol
from trainspec.spec.changes.function import function_program, namespace_of
from trainspec.spec.changes.patterns import names_assigned, names_read
from trainspec.spec.changes.printed import altered_lines, lines_of
from trainspec.spec.evidence import PRINTED_FORMS, PrintedChange, load
from trainspec.spec.inputs.cases import cases

from .test_equations import Reader

load()
CHANGED = {name: form for name, form in PRINTED_FORMS.items() if isinstance(form, PrintedChange)}
STEPS = [name for name, form in CHANGED.items() if form.program.formula.startswith("optimizers.") and form.formula != "sgd"]


@pytest.mark.parametrize("name", CHANGED)
def test_changed_lines_are_shown(name):
    correct, printed = altered_lines(CHANGED[name].program)
    assert correct
    assert not set(correct) & set(printed)
    assert printed or name == "adaptive.steps_not_averaged"


def test_a_formula_without_changes_has_no_changed_lines():
    assert altered_lines(function_program("optimizers.adam")) == ([], [])


def test_state_and_results_have_their_names():
    assert list(lines_of(function_program("optimizers.adadelta")))[-1] == "D ← ρ D + (1 − ρ) Δ²"
    assert list(lines_of(function_program("optimizers.momentum.heavy_ball"))) == ["v ← μ v − η g", "θ ← θ + v"]
    assert list(lines_of(function_program("schedule.linear")))[-1] == "result = (1 - done) * lr + done * end"


@pytest.mark.parametrize("identifier", FORMULAS)
def test_the_definition_computes_what_the_program_computes(identifier):
    program = function_program(identifier)
    (case, *_) = cases(FORMULAS[identifier])
    arguments = {name: value for name, value in case.arguments.items() if not isinstance(value, np.random.Generator)}
    drawn = [{name: np.random.default_rng(1) for name in case.arguments if name not in arguments} for _ in range(2)]
    definition = compile_function(program.tree, namespace_of(identifier))
    with np.errstate(all="ignore"):
        due, result = program.function(**arguments, **drawn[0]), definition(**arguments, **drawn[1])
    np.testing.assert_equal(result, due)


@pytest.mark.parametrize("name", STEPS)
def test_equations_of_printed_steps_say_what_is_run(name):
    """The equations of a step as printed, read back and run on symbols, give the point that the changed program gives."""
    program = CHANGED[name].program
    states = state_arguments(FORMULAS[program.formula].raw)
    point, slope, state, *hyper = program.argument_names
    fields = states[state]._fields if state in states else (state,)
    names = {*program.argument_names, *fields}.union(*(names_read(line) | names_assigned(line) for line in program.statements))
    spelling = {symbol(word): word for word in names if not word.startswith("result")}
    values = {word: symbols(word, positive=True) for word in ("theta", "grad", *fields, *hyper)} | {"eps_root": Symbolic(0)}
    space = {**values, "np": np, "gradient": lambda at: at * values["grad"]}
    for line in lines_of(program):
        left, right = re.match(r"(\S+) [←=] (.*)", line).groups()
        space[spelling[left]] = eval(Reader(right, spelling).condition(), space)  # what is shown, as Python
    given = {point: values["theta"], slope: space["gradient"] if slope == "gradient" else values["grad"]}
    given[state] = states[state](*(values[field] for field in fields)) if state in states else values[state]
    due = program.function(**given, **{word: values[word] for word in hyper})[0]
    assert proven_zero(Symbolic.object_array(np.stack([due - space["theta"]])).item()).verdict is Verdict.HOLDS
