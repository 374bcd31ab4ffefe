"""Mutations: each function that differs in one place, once."""

import ast

import pytest
from trainspec.reference.syntax import compile_function
from trainspec.spec.changes.mutation import mutations


def changes_of(source):
    tree = ast.parse(source).body[0]
    before = ast.dump(tree)
    changes = [(mutation.line, mutation.change) for mutation in mutations(tree)]
    assert ast.dump(tree) == before
    return changes


@pytest.mark.parametrize(
    ("expression", "changes"),
    [
        ("1 / (2 - a)", "1 / (2 - a) → 1 * (2 - a); 1 / (2 - a) → 1; 1 → 2; 1 → 0; 2 - a → 2 + a; 2 - a → 2; 2 - a → -a; 2 → 3; 2 → 1"),
        (
            "np.where(a < b, 0.5, b)",
            "np.where(a < b, 0.5, b) → np.where(a < b, b, 0.5); a < b → a <= b; a < b → a > b; a → b; b → a; b → a",
        ),
        ("np.sqrt(a)", "np.sqrt(a) → a"),
        ("np.maximum(a, True)", "np.maximum(a, True) → np.minimum(a, True); True → False"),
        ("-a", "-a → a"),
        ("f(a, half=not a)", ""),
    ],
)
def test_changes_of_an_expression(expression, changes):
    found = [change for _, change in changes_of(f"def f(a{', b' * (' b' in expression)}):\n    return {expression}")]
    assert sorted(found) == sorted(filter(None, changes.split("; ")))


def test_an_update_of_the_state_may_be_missing():
    assert ("t = t + 1", "removed") in changes_of("def f(t):\n    t = t + 1\n    return t")
    assert ("u = t + 1", "removed") not in changes_of("def f(t):\n    u = t + 1\n    return u")


def test_mutations_are_distinct_and_run():
    tree = ast.parse("def f(a, b):\n    a = a + b\n    return a * a + b * a").body[0]
    results = []
    for mutation in mutations(tree):
        results.append((ast.unparse(mutation.tree), compile_function(mutation.tree, {})(2, 5)))
    assert len({source for source, _ in results}) == len(results)
    assert 2 * 2 + 5 * 2 in [value for _, value in results]  # without the line a = a + b
    assert all(ast.unparse(tree) != source for source, _ in results)
