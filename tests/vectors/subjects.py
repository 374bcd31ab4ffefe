"""What vectors are checked with in the tests: the example reader, and formulas called with the arguments that a line states."""

import functools
import importlib.util
import math
import re
import sys
import warnings
from pathlib import Path

import numpy as np
from trainspec.reference import FORMULAS, tree_leaves
from trainspec.reference.validation import domains
from trainspec.spec.changes.program import gradient_at
from trainspec.spec.inputs.values import Cubic

FOLDER = Path(__file__).parents[2] / "vectors"
EXAMPLES = FOLDER / "examples"


@functools.cache
def reader():
    """The example reader, as a module: it needs the standard library only, and nothing of ours."""
    specification = importlib.util.spec_from_file_location("trainspec_vectors", EXAMPLES / "trainspec_vectors.py")
    module = sys.modules.setdefault("trainspec_vectors", importlib.util.module_from_spec(specification))
    specification.loader.exec_module(module)
    return module


@functools.cache
def lines_of(identifier):
    """The lines of an entry's file."""
    return reader().read_lines(FOLDER / f"{identifier}.jsonl")


def value_of(fields, name, domain):
    """One argument as the reference takes it."""
    if domain.kind == "state":
        return domain.hint(*(value_of(fields, f"{name}.{key}", part) for key, part in domain.fields.items()))
    kind = reader().kinds(lines_of(fields["id"].partition("/")[0])[0]["arguments"])[name]
    read = reader().value(fields, name, kind)
    if kind in ("array", "indices") and read is not None:
        dtype = fields["dtype"] if kind == "array" else int
        return np.array(read, dtype).reshape(reader().shape(fields, name, len(read)))
    return Cubic(*read) if kind == "cubic" else tuple(Cubic(*part) for part in read) if kind == "cubics" else read


def arguments_of(fields, formula):
    """The arguments of a line of kind call."""
    return {name: value_of(fields, name, domain) for name, domain in domains(formula.raw).items()}


def result_names(fields):
    """The names of the results of a line, in order."""
    return [name for name in fields if re.fullmatch(r"(out\d*|new)(\.\w+)*", name) and not name.endswith((".lo", ".tol", ".shape"))]


def passes(fields, outputs):
    """Whether results are those of a line: their number, their shapes, and every element within its tolerance."""
    names = result_names(fields)
    if outputs is None or len(outputs) != len(names):
        return False
    return all(result_passes(fields, name, output) for name, output in zip(names, outputs, strict=True))


def result_passes(fields, name, output):
    """Whether one result is what is due."""
    try:
        array = np.asarray(output)
        flat = [float(element) for element in array.ravel()] if array.dtype.kind in "biuf" else [math.nan]
    except (TypeError, ValueError):
        return False
    due = fields[name].split() if f"{name}.tol" not in fields else reader().bits(fields[name])
    head = lines_of((fields.get("id") or fields["of"]).partition("/")[0])[0]
    is_array = reader().kinds(head["results"]).get(name, "array") in ("array", "indices")
    shape = reader().shape(fields, name, len(due)) if is_array else ()
    return array.shape == shape and reader().worst(fields, name, flat)[0] <= 1


def call_passes(fields, function, arguments):
    """Whether a function gives what a call says."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            return passes(fields, tree_leaves(function(**arguments)))
    except Exception:
        return False


def run_passes(run, steps, advance):
    """Whether `advance(theta, gradient, lr)` visits the points of a run."""
    head = lines_of(run["id"].partition("/")[0])[0]
    point = next(name for name in reader().kinds(head["arguments"]))
    theta = np.array(reader().value(run, point, "array"), run["dtype"])
    for fields in steps:
        width = 16 if run["dtype"] == "float64" else 8
        grad = np.array(reader().bits(fields["grad"], width), run["dtype"])
        slope = np.array(reader().bits(fields["slope"], width), run["dtype"]) if "slope" in fields else None
        lr = reader().bits(fields["lr"])[0] if "lr" in fields else None
        with np.errstate(all="ignore"):
            theta = advance(theta, functools.partial(gradient_at, grad, slope), lr)
        if not result_passes(fields, f"new.{point}", theta):
            return False
    return True


def identifiers():
    """The entries that have a file."""
    return sorted(path.stem for path in FOLDER.glob("*.jsonl"))


def formula_of(identifier):
    """The formula of an entry."""
    return FORMULAS[identifier]
