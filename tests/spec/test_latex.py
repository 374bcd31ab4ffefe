"""Formulas as LaTeX: the equations, read back and run, compute what the formula computes, bit for bit."""

import ast
import inspect
import re

import numpy as np
import pytest
from hypothesis import given
from trainspec.reference import FORMULAS
from trainspec.reference._special import erf
from trainspec.reference.syntax import source_tree
from trainspec.reference.validation import domains
from trainspec.spec.inputs.strategies import arguments, search_settings
from trainspec.spec.latex import latex_of

from tests.support.latex_reader import python_of

# Loops are displayed as lines of words; the equations in them are not read back.
LOOPS = {
    identifier
    for identifier, formula in FORMULAS.items()
    if any(isinstance(node, ast.For | ast.While | ast.If | ast.GeneratorExp) for node in ast.walk(source_tree(formula)))
}


def test_loops_are_few():
    assert len(LOOPS) == 14


@pytest.mark.parametrize("identifier", FORMULAS)
def test_every_formula_is_rendered(identifier):
    text = latex_of(FORMULAS[identifier]).text
    body = text[text.index(r"\begin{aligned}") :]
    assert body.count("{") == body.count("}")
    assert body.count(r"\left") - body.count(r"\leftarrow") == body.count(r"\right")
    assert body.count(r"\begin{cases}") == body.count(r"\end{cases}")


@pytest.mark.parametrize("identifier", FORMULAS)
def test_symbols_are_different(identifier):
    rendering = latex_of(FORMULAS[identifier])
    symbols = [*rendering.symbols.values(), *(symbol for name, symbol in rendering.fields.items() if symbol != rendering.symbols[name])]
    assert len(set(symbols)) == len(symbols)


def choose(test, value, otherwise):
    """One of two values where the test is a single truth value, else entry by entry."""
    if isinstance(test, bool | np.bool_):
        return value() if test else otherwise()
    return np.where(test, value(), otherwise())


def run(rendering, values, space):
    """Run equations that were read back; return the results, and the values of what the last lines display as new values."""
    names = {symbol: f"variable_{name}" for name, symbol in rendering.symbols.items()}
    names |= {symbol: f"field_{name}" for name, symbol in rendering.fields.items() if symbol not in names}
    variables = {**space, "np": np, "choose": choose}
    for name, value in values.items():
        if hasattr(value, "_fields"):
            variables |= {names[rendering.fields[field]]: part for field, part in value._asdict().items()}
        else:
            variables[names[rendering.symbols[name]]] = value
    variables |= {"source": values.get("source")}
    for step in rendering.steps:
        targets = re.sub(r"^\\left\((.*)\\right\)$", r"\1", step.target).split(", ")
        value = eval(python_of(step.value, names), variables)
        parts = [value] if len(targets) == 1 else list(value)
        variables |= {names[target]: part for target, part in zip(targets, parts, strict=True)}
    results = [eval(python_of(result, names), variables) for result in rendering.results]
    if rendering.closing[-1].relation == "=":
        return results, None
    for equation in rendering.closing:
        variables[names[equation.target]] = eval(python_of(equation.value, names), variables)
    updated = [r"\theta", *(rendering.fields.values() or rendering.results[1:])]
    return results, [variables[names[symbol]] for symbol in updated]


def leaves(value):
    return [leaf for part in value for leaf in leaves(part)] if isinstance(value, tuple | list) else [np.asarray(value)]


@pytest.mark.sampled(5)
@pytest.mark.parametrize("identifier", sorted(FORMULAS.keys() - LOOPS - {"optimizers.galore.directions"}))  # a slice is not read back
def test_equations_compute_what_the_formula_computes(identifier):
    formula = FORMULAS[identifier]
    rendering = latex_of(formula)
    space = {"erf": erf} | {other.__name__: other.raw for other in FORMULAS.values()}
    compared = 0

    @search_settings(10)
    @given(arguments(domains(formula.raw)))
    def compare(values):
        nonlocal compared
        state = values["source"].bit_generator.state if "source" in values else None
        try:
            expected = leaves(formula(**values))
        except (ValueError, np.linalg.LinAlgError):
            return  # finite arguments without a finite result
        if state is not None:
            values["source"].bit_generator.state = state
        with np.errstate(all="ignore"):
            results, updated = run(rendering, values, space)
        for got in (results,) if updated is None else (results, updated):
            for ours, theirs in zip(leaves(got), expected, strict=True):
                np.testing.assert_array_equal(ours, theirs)
        compared += 1

    compare()
    assert compared


def test_a_changed_equation_is_noticed():
    formula = FORMULAS["optimizers.momentum.heavy_ball"]
    rendering = latex_of(formula)
    values = {"theta": np.ones(2), "grad": np.ones(2), "velocity": np.zeros(2), "lr": 0.5, "momentum": 0.5}
    (step,) = rendering.steps
    assert step.value == r"\mu \, v - \eta \, g"
    wrong = type(rendering)(**{**vars(rendering), "steps": (type(step)(step.target, step.relation, step.value.replace("-", "+")),)})
    np.testing.assert_array_equal(run(rendering, values, {})[0][0], formula(**values)[0])
    assert not np.array_equal(run(wrong, values, {})[0][0], formula(**values)[0])


def test_a_step_is_displayed_as_new_values():
    text = latex_of(FORMULAS["optimizers.momentum.heavy_ball"]).text
    assert text.splitlines() == [
        "% g: grad",
        "% v: velocity",
        r"% \eta: lr",
        r"% \mu: momentum",
        r"\begin{aligned}",
        r"v &\leftarrow \mu \, v - \eta \, g \\",
        r"\theta &\leftarrow \theta + v",
        r"\end{aligned}",
    ]
    displayed = [identifier for identifier in FORMULAS if latex_of(FORMULAS[identifier]).closing[-1].relation != "="]
    assert len(displayed) > 25


def test_a_helper_is_displayed_as_its_lines():
    lines = [equation.line for equation in latex_of(FORMULAS["loss.logistic.binary.grad"]).equations]
    assert lines[0].endswith(r"&= \operatorname{sigmoid}\left(\mathrm{logits}\right) - \mathrm{targets}")
    for formula in FORMULAS.values():
        helpers = {name for name, value in formula.raw.__globals__.items() if inspect.isfunction(value) and not hasattr(value, "raw")}
        called = re.findall(r"\\operatorname\{([^}]*)\}\\left\(", latex_of(formula).text)
        assert not helpers & {name.replace("\\", "") for name in called}, formula.id


def test_a_new_value_is_not_read_in_the_place_of_the_old_one():
    lines = [equation.line for equation in latex_of(FORMULAS["optimizers.nesterov.two_sequence"]).closing]
    assert lines[0] == r"\mathrm{previous} &\leftarrow \theta"  # before θ moves on


def test_what_has_no_form_in_latex_is_refused():
    def unusual(x):
        return {"a": x}

    with pytest.raises(TypeError, match="a mapping has no form in LaTeX"):
        latex_of(unusual)
