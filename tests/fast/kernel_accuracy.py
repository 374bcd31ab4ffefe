"""The worst error of every kernel that was found, in units of the rounding bound: the generator of docs/kernels.md, and of the errors
by the size of the inputs in spec/site/kernels.json, of which the site makes pictures.

Run as `python -m tests.fast.kernel_accuracy [NAME…]`, for all kernels or for these. Found, not proved: the largest over `CASES` random
cases of the distance from the certified value divided by what rounding explains in the reference's own operations. 1 is the bound; the
tests hold every kernel to it on other cases.
"""

import json
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
BY_SIZE = Path(__file__).parents[2] / "spec" / "site" / "kernels.json"
SIZES = (1e-6, 1e-4, 1e-2, 1.0, 1e2, 1e4, 1e6)  # of the entries of arrays
CASES_OF_SIZE = 3  # of each kernel, dtype and size
ABOUT = """# Kernels: the worst error found

Of each kernel of `trainspec.fast`: the largest distance from the certified value that {cases} random cases of each dtype showed, in units
of the rounding bound of the reference's own operations (1 is the bound). Found, not proved, on one machine; “equal” says that results are
the reference's to the last bit. `python -m tests.fast.kernel_accuracy` makes this table.

| kernel | equal | float32 | float64 |
|---|---|---|---|
"""


def error_of_case(name, dtype, seed):
    """The largest error of one random case; 0 where the formula itself does not allow it."""
    return error_of_call(name, dtype, seed, None) or 0.0


def error_of_call(name, dtype, seed, size):
    """The largest error of one random call whose entries have this size, or many; None where the formula itself does not allow it."""
    if name in LOOP_KERNELS:
        kernel, values = LOOP_KERNELS[name], loop_call(name, dtype=dtype, seed=seed, size=size)
    else:
        kernel, values = ELEMENTWISE[name], elementwise_call(name, 40, dtype, seed, size)
    try:
        with np.errstate(all="ignore"):
            return max(errors_in_bounds(*kernel, values, dtype))
    except (Undecided, ZeroDivisionError, ValueError):
        return None


def errors_by_size(name):
    """The worst errors of a kernel for each dtype and size of its inputs; None where no call was allowed."""
    calls = {dtype: [[error_of_call(name, dtype, seed, size) for seed in range(CASES_OF_SIZE)] for size in SIZES] for dtype in DTYPES}
    return {np.dtype(dtype).name: [worst_known(errors) for errors in rows] for dtype, rows in calls.items()}


def worst_known(errors):
    """The largest of the errors that there are, in two digits."""
    return max((round(error, 2) for error in errors if error is not None), default=None)


def with_errors_by_size(text, names):
    """The record of errors by size, with those of these kernels computed anew."""
    kernels = json.loads(text)["kernels"] if text else {}
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        kernels |= zip(names, pool.map(errors_by_size, names), strict=True)
    lines = ",\n".join(f'"{name}": {json.dumps(kernels[name])}' for name in sorted(kernels))
    return f'{{"cases": {CASES_OF_SIZE}, "sizes": {json.dumps(SIZES)}, "kernels": {{\n{lines}\n}}}}\n'


def current_errors_by_size(_=""):
    """The text that spec/site/kernels.json should have."""
    return with_errors_by_size("", [*GIVEN_GRADIENT, *LOOP_KERNELS])


def problems_by_size(text):
    """What is wrong with the record of errors by size, without computing it anew."""
    record = json.loads(text)
    known = {*GIVEN_GRADIENT, *LOOP_KERNELS}
    wrong = [f"{name} is not listed" for name in sorted(known - set(record["kernels"]))]
    wrong += [f"{name} is no kernel" for name in sorted(set(record["kernels"]) - known)]
    for name, lines in sorted(record["kernels"].items()):
        if any(error > 1 for errors in lines.values() for error in errors if error is not None):
            wrong.append(f"{name} exceeds the rounding bound")
    return wrong + ["made for other sizes"] * ((record["cases"], tuple(record["sizes"])) != (CASES_OF_SIZE, SIZES))


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
    """Write the table and the record; with --check, print what is wrong with it instead."""
    if "--check" in arguments:
        lines = problems(TARGET.read_text(encoding="utf-8")) + problems_by_size(BY_SIZE.read_text(encoding="utf-8"))
        print("\n".join(lines))
        return min(len(lines), 1)
    BY_SIZE.write_text(
        with_errors_by_size(BY_SIZE.read_text(encoding="utf-8"), arguments) if arguments else current_errors_by_size(), encoding="utf-8"
    )
    TARGET.write_text(with_rows(TARGET.read_text(encoding="utf-8"), rows_of(arguments)) if arguments else render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
