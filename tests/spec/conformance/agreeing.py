"""Whether a function is the formula that it claims to be, on arguments drawn from the formula's domain."""

import inspect

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from trainspec.reference import FORMULAS, tree_leaves
from trainspec.reference.validation import domains
from trainspec.spec.arithmetic import Undecided, rounding_bound
from trainspec.spec.conformance.implementation import FunctionSubject, subject_of
from trainspec.spec.conformance.optimizers.matching import ALLOWED
from trainspec.spec.inputs.strategies import arguments

DRAWS = 8
ULPS = 64  # for sums that cancel in one order alone, and for hyper-parameters that an adapter computes from the formula's own


def subjects_of(target):
    """The functions of a target, by the formulas that they claim to be."""
    found = subject_of(target)
    return {one.formula: one for one in ((found,) if isinstance(found, FunctionSubject) else found)}


def differences(subject, refused=(), dtype="float64"):
    """The drawn arguments at which a function is not its formula, and by how many bounds; what it refuses to do is left out."""
    formula, found = FORMULAS[subject.formula], []

    @settings(
        max_examples=DRAWS, derandomize=True, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(arguments(domains(formula.raw)))
    def drawn(values):
        values = {name: single(value) if dtype == "float32" else value for name, value in {**values, **subject.fixed}.items()}
        try:
            formula(**values)
        except ValueError:  # outside the domain after all
            return
        free = {name: value for name, value in values.items() if name not in subject.fixed}
        try:
            got = subject.call(**free)
        except Exception as problem:
            if not any(words in str(problem) for words in refused):
                raise
            return
        worst = distance(got, formula, values, np.dtype(dtype))
        if worst > 1:
            found.append((worst, values))

    drawn()
    return found


def single(value):
    """Arrays of floats in float32, those in a state, too."""
    if isinstance(value, tuple):
        return type(value)(*map(single, value))
    return value.astype(np.float32) if isinstance(value, np.ndarray) and value.dtype == np.float64 else value


def double(value):
    """Arrays of floats in float64."""
    if isinstance(value, tuple):
        return type(value)(*map(double, value))
    return value.astype(np.float64) if isinstance(value, np.ndarray) and value.dtype == np.float32 else value


def distance(got, formula, values, dtype):
    """How far a result is away, in units of what is allowed; infinite where the shape is another."""
    values = {name: double(value) for name, value in values.items()}
    exact, worst = formula.raw(**values), 0.0
    try:
        allowed = [ALLOWED * np.asarray(one, float) for one in tree_leaves(rounding_bound(formula.raw, **values, dtype=dtype))]
    except Undecided:  # a power of what is not whole
        allowed = [0.0 for _ in flat(exact)]
    for mine, theirs, bound in zip(flat(exact), flat(got), allowed, strict=True):
        if np.shape(mine) != np.shape(theirs):
            return np.inf
        with np.errstate(invalid="ignore"):  # infinite where infinity is due
            off = np.where(np.equal(mine, theirs), 0, np.abs(np.subtract(mine, theirs, dtype=float)))
        unit = ULPS * np.finfo(dtype).eps * np.maximum(1, np.abs(mine))  # what is drawn is of the size of one
        worst = max(worst, float(np.max(off / np.maximum(bound, unit), initial=0)))
    return worst


def flat(result):
    """The arrays of a result."""
    return [leaf for one in result for leaf in flat(one)] if isinstance(result, tuple) else [result]


# --- initializers -----------------------------------------------------------------------------------------------------------------------

SETTINGS = {"std": 0.5, "half_width": 0.5, "cut": 2.0, "gain": 1.5, "count": 2}
FANS = 300, 100


def weights(subject, shape=FANS):
    """Weights that an initializer draws, and those that the formula draws."""
    formula = FORMULAS[subject.formula]
    names = set(inspect.signature(formula.raw).parameters)
    given = {name: value for name, value in SETTINGS.items() if name in names and name not in subject.fixed}
    theirs = subject.call(np.random.default_rng(1), *shape, **given)
    assert theirs.shape == shape
    assert np.array_equal(theirs, subject.call(np.random.default_rng(1), *shape, **given))
    assert not np.array_equal(theirs, subject.call(np.random.default_rng(2), *shape, **given))
    return theirs, formula(np.random.default_rng(1), *shape, **given, **subject.fixed)


def alike(theirs, ours):
    """Whether two samples have one spread, within six standard errors, and one range."""
    spread = np.isclose(np.std(theirs), np.std(ours), rtol=6 / np.sqrt(theirs.size))
    return bool(spread), bool(np.isclose(np.max(np.abs(theirs)), np.max(np.abs(ours)), rtol=0.2))
