"""docs/kernels.md lists all kernels, the stated number of cases, and errors that its first cases do not exceed."""

import pytest

from ..support.kernels import DTYPES, GIVEN_GRADIENT, LOOP_KERNELS
from .kernel_accuracy import CASES, error_of_case, recorded


def test_every_kernel_is_listed_with_an_error_within_the_bound():
    cases, errors = recorded()
    assert cases == CASES
    assert set(errors) == {*GIVEN_GRADIENT, *LOOP_KERNELS}
    assert all(0 <= error <= 1 for row in errors.values() for error in row)


@pytest.mark.parametrize("name", GIVEN_GRADIENT)
def test_no_case_exceeds_the_worst_error_listed(name):
    """Of kernels whose results are the same on every machine; the table has two digits."""
    _, errors = recorded()
    for dtype, worst in zip(DTYPES, errors[name], strict=True):
        assert max(error_of_case(name, dtype, seed) for seed in (0, 1)) <= worst + 0.005
