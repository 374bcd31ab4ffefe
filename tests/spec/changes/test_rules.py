"""Rules: changes as data, applied in order, to steps and to functions alike."""

import pytest
from trainspec.spec.changes.function import function_program
from trainspec.spec.changes.program import NotApplicable, program_of
from trainspec.spec.changes.rules import apply


def changed_lines(identifier, rules, roles=None):
    program = function_program(identifier)
    lines = apply(program, rules, roles or {}).source.splitlines()
    return [line for line in lines if line not in program.source.splitlines()]


def test_expressions_are_replaced_within_the_statements_named():
    rule = {"replace": {"np.mean(A, **K)": "np.sum(A, **K)"}, "within": "centred"}
    assert changed_lines("norm.batch.normalize", [rule]) == ["centred = x - np.sum(x, axis=0)"]


def test_roles_stand_for_names():
    rules = [{"replace": {"CENTRED**2": "CENTRED**2", "CENTRED": "DATA"}, "within": "result"}]
    lines = changed_lines("norm.batch.normalize", rules, {"CENTRED": "centred", "DATA": "x"})
    assert lines == ["result = x / np.sqrt(np.mean(centred ** 2, axis=0) + eps)"]


def test_statements_are_inserted_and_assigned():
    rules = [{"insert": "x = 2 * x", "at": "start"}, {"assign": "centred = x"}, {"insert": "result = -result", "at": "end"}]
    assert changed_lines("norm.batch.normalize", rules) == ["x = 2 * x", "centred = x", "result = -result"]


def test_the_first_alternative_that_applies_as_a_whole_is_taken():
    rules = [{"alternatives": [[{"replace": {"centred": "x"}}, {"inline": "std"}], [{"inline": "centred"}]]}]
    (line,) = changed_lines("norm.batch.normalize", rules)
    assert line == "result = (x - np.mean(x, axis=0)) / np.sqrt(np.mean((x - np.mean(x, axis=0)) ** 2, axis=0) + eps)"
    with pytest.raises(NotApplicable, match="nope is not assigned"):
        apply(function_program("norm.layer"), [{"alternatives": [[{"inline": "nope"}]]}], {})


def test_a_rule_that_changes_nothing_does_not_apply():
    for rule in ({"replace": {"np.exp(A)": "A"}}, {"assign": "nope = 1"}, {"previous": "x"}, {"insert": "a = 1", "at": "after nope"}):
        with pytest.raises(NotApplicable):
            apply(function_program("norm.layer"), [rule], {})


def test_a_rule_of_no_kind_is_an_error():
    with pytest.raises(ValueError, match="must have one of the keys"):
        apply(function_program("norm.layer"), [{"replaced": {"x": "y"}}], {})


def test_rules_of_states_apply_to_steps():
    step = apply(program_of("optimizers.rmsprop"), [{"previous": "mean_sq"}, {"state": {"mean_sq": "1 + 0 * theta"}}], {})
    assert "mean_sq_before" in step.source
    assert step.start(theta=3.0, lr=1.0, **dict.fromkeys(step.parameters, 0.0)) == (1.0,)


def test_an_update_may_come_early():
    step = apply(program_of("optimizers.lion"), [{"updated": "mean"}], {})
    assert [line.partition(" = ")[0] for line in step.source.splitlines()] == ["grad", "mean", "blend", "theta"]
    for identifier, name in (("optimizers.adam", "m"), ("optimizers.lion", "theta")):  # read after its update alone; reads what reads it
        with pytest.raises(NotApplicable):
            apply(program_of(identifier), [{"updated": name}], {})
