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
from trainspec.spec.arithmetic import NARROW
from trainspec.spec.changes.program import gradient_at
from trainspec.spec.inputs.values import Cubic
from trainspec.spec.lines.signature import CUBIC

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


def kinds(text):
    """The kinds of the arguments or results that a head names, by name."""
    return dict(part.split(":") for part in text.split())


def read_value(fields, name, kind):
    """An argument: numbers and whole numbers as they are, arrays as flat lists; None where it is left out."""
    bits = reader().bits
    if kind in ("cubic", "cubics"):
        parts = [bits(fields[f"{name}.{part}"]) for part in CUBIC]
        return list(zip(*parts, strict=True)) if kind == "cubics" else tuple(part[0] for part in parts)
    text = fields.get(name)
    if text is None or kind == "word":
        return text
    if kind == "array":
        return bits(text, fields["dtype"])
    if kind == "indices":
        return [int(part) for part in text.split()]
    return bits(text)[0] if kind == "number" else text == "true" if kind == "flag" else int(text)


def shape_of(fields, name, length):
    """The shape of an array of so many elements: one axis unless the line says otherwise."""
    text = fields.get(f"{name}.shape")
    return (length,) if text is None else tuple(int(part) for part in text.split())


def value_of(fields, name, domain):
    """One argument as the reference takes it; numbers of fewer bits in float32, in which a program of such a format computes."""
    if domain.kind == "state":
        return domain.hint(*(value_of(fields, f"{name}.{key}", part) for key, part in domain.fields.items()))
    kind = kinds(lines_of(fields["id"].partition("/")[0])[0]["arguments"])[name]
    read = read_value(fields, name, kind)
    if kind in ("array", "indices") and read is not None:
        dtype = int if kind == "indices" else "float32" if fields["dtype"] in NARROW else fields["dtype"]
        return np.array(read, dtype).reshape(shape_of(fields, name, len(read)))
    return Cubic(*read) if kind == "cubic" else tuple(Cubic(*part) for part in read) if kind == "cubics" else read


def arguments_of(fields, formula):
    """The arguments of a line of kind call."""
    return {name: value_of(fields, name, domain) for name, domain in domains(formula.raw).items()}


def result_names(fields):
    """The names of the results of a line, in order."""
    return [
        name
        for name in fields
        if re.fullmatch(r"(out\d*|new)(\.\w+)*", name) and not name.endswith((".lo", ".tol", ".each", ".shape", ".signs"))
    ]


def passes(fields, outputs):
    """Whether results are those of a line: their number, their shapes, and every element within its tolerance."""
    names = result_names(fields)
    if outputs is None or len(outputs) != len(names):
        return False
    return all(result_passes(fields, name, output) for name, output in zip(names, outputs, strict=True))


def result_passes(fields, name, output):
    """Whether one result, rounded to a format of fewer bits where the line has one, is what is due."""
    try:
        array = np.asarray(output)
        if fields.get("dtype") in NARROW and array.dtype.kind == "f":
            array = array.astype(fields["dtype"]).astype(float)
        flat = [float(element) for element in array.ravel()] if array.dtype.kind in "biuf" else [math.nan]
    except (TypeError, ValueError):
        return False
    due = fields[name].split() if f"{name}.tol" not in fields else reader().bits(fields[name])
    head = lines_of((fields.get("id") or fields["of"]).partition("/")[0])[0]
    is_array = kinds(head["results"]).get(name, "array") in ("array", "indices")
    shape = shape_of(fields, name, len(due)) if is_array else ()
    return array.shape == shape and reader().worst(fields, name, flat)[0] <= 1


def call_passes(fields, function, arguments):
    """Whether a function gives what a call says."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            return passes(fields, tree_leaves(function(**arguments)))
    except Exception:
        return False


def run_passes(run, steps, advance):
    """Whether `advance(theta, gradient, lr)` visits the points of a run; of a narrow format each step starts from the point it states."""
    point = next(iter(kinds(lines_of(run["id"].partition("/")[0])[0]["arguments"])))
    theta = array_in(run, point, run["dtype"])
    for fields in steps:
        grad, slope = (array_in(fields, name, run["dtype"]) if name in fields else None for name in ("grad", "slope"))
        theta = array_in(fields, point, run["dtype"]) if point in fields else theta
        lr = reader().bits(fields["lr"])[0] if "lr" in fields else None
        with np.errstate(all="ignore"):
            theta = advance(theta, functools.partial(gradient_at, grad, slope), lr)
        if not result_passes({**fields, "dtype": run["dtype"]}, f"new.{point}", theta):
            return False
    return True


def array_in(fields, name, dtype):
    """An array of a line in its format, of one of fewer bits in float32."""
    read = reader().bits(fields[name], dtype)
    return np.array(read, "float32" if dtype in NARROW else dtype).reshape(shape_of(fields, name, len(read)))


def identifiers():
    """The entries that have a file."""
    return sorted(path.stem for path in FOLDER.glob("*.jsonl"))


def formula_of(identifier):
    """The formula of an entry."""
    return FORMULAS[identifier]
