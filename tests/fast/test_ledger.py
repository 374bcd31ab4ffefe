"""The table of worst errors has a row for every kernel, and none beyond the bound."""

from . import ledger, test_elementwise, test_written


def test_every_kernel_has_its_row_within_the_bound():
    recorded = ledger.recorded()
    assert set(recorded) == {*test_elementwise.PLAIN, *test_written.KERNELS}
    assert all(0 <= one <= 1 for pair in recorded.values() for one in pair)
