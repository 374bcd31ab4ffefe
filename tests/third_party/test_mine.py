"""How a project of its own uses the checks."""

import mine
from trainspec.spec import check, parametrize_with_checks
from trainspec.spec.conformance import failures

KNOWN = {
    mine.WithoutEps: {
        "convention": "it has no eps, on purpose",
        "convention-float32": "it has no eps, on purpose",
        "zero-gradient": "it has no eps, on purpose",
    },
    mine.Chatty: {"no-side-effects": "it shows its progress"},
}


@parametrize_with_checks(
    [mine.MyAdam, mine.WithoutEps, mine.Chatty], expected_failed_checks=lambda implementation: KNOWN.get(implementation, {})
)
def test_optimizers(implementation, check):
    """One test for each of them and each thing that is asked of it."""
    check(implementation)


def test_without_the_decorator():
    """The same as one typed result."""
    result = check(mine.MyAdam, {"beta2": 0.99})
    assert (result.verdict, result.convention, failures(result)) == ("conforms", "adam", {})
