"""The mutation score of the vectors alone: `python -m tests.vectors.replay [ID…]` replays every change of every formula on the files.

The plain reader reads the files and compares; the changed formulas are called with what it read. A change that no vector notices must be in
the manifest: as one that is the formula itself, with the reason, or as a survivor. Exit code 1 where the manifest says anything else, or
a change survives.
"""

import json
import sys

import numpy as np
from trainspec.spec.conformance.functions.observations import takes_generator
from trainspec.spec.vectors.changes import changes_of
from trainspec.spec.vectors.entry import formats_of
from trainspec.spec.vectors.runs import canonical, changes_of_runs, runs_of, steps_of

from .subjects import FOLDER, arguments_of, call_passes, formula_of, identifiers, lines_of, run_passes


def manifest():
    """The manifest of the folder."""
    return json.loads((FOLDER / "manifest.json").read_text(encoding="ascii"))


def unnoticed_changes(identifier):
    """The ids of the changes of a formula that all its calls in wide formats pass, and the ids of all changes."""
    formula, changes = formula_of(identifier), changes_of(identifier)
    lines = [fields for fields in lines_of(identifier) if fields["k"] == "call" and fields["dtype"] in formats_of(formula)]
    calls = [(fields, arguments_of(fields, formula)) for fields in lines]
    unnoticed = {change.id for change in changes if all(passes_call(change, fields, arguments) for fields, arguments in calls)}
    return unnoticed, {change.id for change in changes}


def passes_call(change, fields, arguments):
    """Whether a changed formula gives what a call says; one that cannot be compiled does not."""
    try:
        return call_passes(fields, change.function, arguments)
    except Exception:
        return False


def unnoticed_conventions(identifier, dtype):
    """The ids of the conventions and mistakes that pass all runs of an optimizer in one format, and the ids of all of them."""
    formula = formula_of(identifier)
    steps = steps_of(formula)
    vectors = runs_of(steps, dtype) if steps else []
    runs = [fields for fields in lines_of(identifier) if fields["k"] == "run" and fields["dtype"] == dtype]
    known = [convention for convention, _ in changes_of_runs(formula, vectors)]
    hypers = [canonical(vector.observed) for vector in vectors]
    unnoticed = {
        convention.id
        for convention in known
        if all(convention_passes(convention, run, hyper) for run, hyper in zip(runs, hypers, strict=True))
    }
    return unnoticed, {convention.id for convention in known}


def convention_passes(convention, run, hyper):
    """Whether a convention visits the points of a run."""
    from trainspec.spec.conformance.optimizers.algorithm import Run

    steps = [fields for fields in lines_of(run["id"].partition("/")[0]) if fields["k"] == "step" and fields["of"] == run["id"]]
    state = {}

    def advance(theta, gradient, lr):
        rate = 0.125 if lr is None else lr
        current = state.setdefault("run", Run(convention, theta, rate, hyper))
        return np.asarray(current.step(rate, gradient)["theta"], theta.dtype)

    try:
        return run_passes(run, steps, advance)
    except (ArithmeticError, ValueError, TypeError):
        return False


def problems_of(identifier, record):
    """What the manifest says of an entry and the replay does not show."""
    formula = formula_of(identifier)
    if takes_generator(formula):
        return []
    outcomes = [unnoticed_changes(identifier), *(unnoticed_conventions(identifier, dtype) for dtype in formats_of(formula))]
    changes = set().union(*(known for _, known in outcomes))
    noticed = set().union(*(known - unnoticed for unnoticed, known in outcomes))
    said = record["score"]
    alike = [change for changes in said["equivalent"].values() for change in changes]
    known = {*alike, *(survivor.partition(": ")[0] for survivor in said["survivors"])}
    unnoticed = {change.removeprefix(f"{identifier}/") for change in changes - noticed}
    problems = [f"{identifier}: the replay leaves {sorted(unnoticed ^ known)} in doubt"] if unnoticed != known else []
    if said["noticed"] != len(noticed):
        problems.append(f"{identifier}: {len(noticed)} of {len(changes)} are noticed, the manifest says {said['noticed']}")
    return problems


def main(arguments):
    """Replay all entries, or those named, and print what the manifest gets wrong and the score."""
    records, problems, noticed, unknown = manifest()["entries"], [], 0, 0
    for identifier in arguments or identifiers():
        problems += problems_of(identifier, records[identifier])
        score = records[identifier]["score"]
        noticed, unknown = noticed + score["noticed"], unknown + len(score["survivors"])
    print("\n".join([*problems, f"{noticed} changes are noticed, {unknown} survive"]))
    return min(len(problems) + unknown, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
