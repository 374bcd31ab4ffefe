"""The worst error of every kernel that was found, in units of the rounding bound: `python -m tests.fast.ledger 200` writes docs/kernels.md.

Found, not proved: the largest over that many random cases of the distance from the certified value divided by what rounding explains in
the reference's own operations. 1 is the bound; the tests hold every kernel to it on cases of their own.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from trainspec.spec.arithmetic import Undecided

from . import test_elementwise, test_evidence, test_written
from .test_elementwise import DTYPES

TARGET = Path(__file__).parents[2] / "docs" / "kernels.md"
ABOUT = """# Kernels: the worst error found

Of each kernel of `trainspec.fast`: the largest distance from the certified value that {cases} random cases of each dtype showed, in units
of the rounding bound of the reference's own operations (1 is the bound). Found, not proved, on one machine; “equal” says that results are
the reference's to the last bit. `python -m tests.fast.ledger {cases}` makes this table.

| kernel | equal | float32 | float64 |
|---|---|---|---|
"""


def worst(cases):
    """The largest of many errors; those that the formula itself doesn't allow are passed over."""
    found = 0.0
    for one in cases:
        try:
            with np.errstate(all="ignore"):
                found = max(found, *one())
        except (Undecided, ZeroDivisionError, ValueError):
            continue
    return found


def row(name, cases):
    """Name, whether it is equal to the last bit, and the worst error in each dtype."""
    if name in test_written.KERNELS:
        equal, call, errors = False, test_written.call, test_written.errors_in_bounds
    else:
        equal, call, errors = (
            name not in test_elementwise.RECIPROCALS,
            partial(test_elementwise.call, shape=40),
            test_evidence.errors_in_bounds,
        )
    return name, equal, *(worst(partial(case, name, call, errors, dtype, seed) for seed in range(cases)) for dtype in DTYPES)


def case(name, call, errors, dtype, seed):
    """The errors of one random case."""
    return errors(name, call(name, dtype=dtype, seed=seed), dtype)


def recorded():
    """What the table says, by kernel."""
    lines = TARGET.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    return {name.strip("`"): (float(one), float(other)) for name, _, one, other in cells}


if __name__ == "__main__":
    count = int(sys.argv[1])
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        rows = sorted(pool.map(partial(row, cases=count), [*test_elementwise.PLAIN, *test_written.KERNELS]))
    lines = [f"| `{name}` | {'yes' if equal else ''} | {one:.2f} | {other:.2f} |" for name, equal, one, other in rows]
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(ABOUT.format(cases=count) + "\n".join(lines) + "\n", encoding="utf-8")
