"""The worst error of every kernel that was found, in units of the rounding bound: the generator of docs/kernels.md.

Run as `python -m tests.fast.kernel_accuracy [NAME…]`, for all kernels or for these. Found, not proved: the largest over `CASES` random
cases of the distance from the certified value divided by what rounding explains in the reference's own operations. 1 is the bound; the
tests hold every kernel to it on other cases.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from trainspec.spec.arithmetic import Undecided

from ..support.kernels import (
    DTYPES,
    ELEMENTWISE,
    GIVEN_GRADIENT,
    LOOP_KERNELS,
    ROUNDED_OTHERWISE,
    elementwise_call,
    errors_in_bounds,
    loop_call,
)

CASES = 200  # of each kernel and dtype: the only place where this number is stated
TARGET = Path(__file__).parents[2] / "docs" / "kernels.md"
ABOUT = """# Kernels: the worst error found

Of each kernel of `trainspec.fast`: the largest distance from the certified value that {cases} random cases of each dtype showed, in units
of the rounding bound of the reference's own operations (1 is the bound). Found, not proved, on one machine; “equal” says that results are
the reference's to the last bit. `python -m tests.fast.kernel_accuracy` makes this table.

| kernel | equal | float32 | float64 |
|---|---|---|---|
"""


def error_of_case(name, dtype, seed):
    """The largest error of one random case; 0 where the formula itself does not allow it."""
    if name in LOOP_KERNELS:
        kernel, values = LOOP_KERNELS[name], loop_call(name, dtype=dtype, seed=seed)
    else:
        kernel, values = ELEMENTWISE[name], elementwise_call(name, 40, dtype, seed)
    try:
        with np.errstate(all="ignore"):
            return max(errors_in_bounds(*kernel, values, dtype))
    except (Undecided, ZeroDivisionError, ValueError):
        return 0.0


def row(name, cases):
    """The row of a kernel: name, whether it is equal to the last bit, and the worst error in each dtype."""
    equal = name in ELEMENTWISE and name not in ROUNDED_OTHERWISE
    worst = [max(error_of_case(name, dtype, seed) for seed in range(cases)) for dtype in DTYPES]
    return f"| `{name}` | {'yes' if equal else ''} | {worst[0]:.2f} | {worst[1]:.2f} |"


def rows_of(names, cases=CASES):
    """The rows of these kernels, computed anew."""
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        return list(pool.map(partial(row, cases=cases), names))


def render(cases=CASES):
    """The text of docs/kernels.md, computed anew."""
    return with_rows(ABOUT.format(cases=cases), rows_of([*GIVEN_GRADIENT, *LOOP_KERNELS], cases))


def with_rows(text, rows):
    """A table with some rows in the place of those of the same kernels, or added; sorted by name."""
    about, start, kept = text.partition("|---|---|---|---|\n")
    by_name = {line.split("`")[1]: line for line in (*kept.splitlines(), *rows)}
    return about + start + "".join(f"{by_name[name]}\n" for name in sorted(by_name))


def current_text(_=""):
    """The text that docs/kernels.md should have; takes its present text, as the generators of `tests.support.regenerate` do."""
    return render()


def parse(text):
    """The number of cases that a table states, and its worst errors by kernel."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")]
    cases = int(text.partition(" random cases")[0].rpartition(" ")[2])
    return cases, {name.strip("`"): (float(single), float(double)) for name, _, single, double in cells}


def problems(text):
    """What is wrong with a table, without computing it anew."""
    cases, errors = parse(text)
    missing, unknown = {*GIVEN_GRADIENT, *LOOP_KERNELS} - set(errors), set(errors) - {*GIVEN_GRADIENT, *LOOP_KERNELS}
    wrong = [f"{name} is not listed" for name in sorted(missing)] + [f"{name} is no kernel" for name in sorted(unknown)]
    wrong += [f"{name} exceeds the rounding bound" for name, row in sorted(errors.items()) if not all(0 <= error <= 1 for error in row)]
    return wrong + [f"made from {cases} cases, not {CASES}"] * (cases != CASES)


def recorded():
    """The worst errors that docs/kernels.md lists, by kernel."""
    return parse(TARGET.read_text(encoding="utf-8"))[1]


def main(arguments):
    """Write the table; with --check, print what is wrong with it instead."""
    if "--check" in arguments:
        print("\n".join(lines := problems(TARGET.read_text(encoding="utf-8"))))
        return min(len(lines), 1)
    TARGET.write_text(with_rows(TARGET.read_text(encoding="utf-8"), rows_of(arguments)) if arguments else render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
