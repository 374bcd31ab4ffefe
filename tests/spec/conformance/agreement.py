"""Whether a function of a library is the formula that it claims to be, on arguments drawn from the formula's domain."""

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from trainspec.reference import FORMULAS, tree_leaves
from trainspec.reference.validation import domains
from trainspec.spec.conformance.functions.bounds import ALLOWED
from trainspec.spec.conformance.functions.error import UNDEFINED, error_of_call, expected_outputs
from trainspec.spec.conformance.functions.observations import FunctionCall
from trainspec.spec.conformance.functions.runner import flatten_result
from trainspec.spec.conformance.implementation import FunctionImplementation, Task
from trainspec.spec.conformance.initializers.runner import sample_initializer
from trainspec.spec.conformance.initializers.verdict import judge_initializer
from trainspec.spec.conformance.loading import load_implementation
from trainspec.spec.inputs.cases import Case, in_dtype
from trainspec.spec.inputs.strategies import arguments

DRAWS = 8


def functions_of(target):
    """Return the functions of a target, by the formulas that they claim to be."""
    loaded = load_implementation(target)
    return {function.formula: function for function in ((loaded,) if isinstance(loaded, FunctionImplementation) else loaded)}


def differences(function, refused=(), dtype="float64"):
    """Return the drawn arguments at which a function is not its formula, with the error in bounds; what it refuses to do is left out.

    The bound is the kit's: that of the formula's operations on arguments that are rounded once.
    """
    formula, different = FORMULAS[function.formula], []

    @settings(
        max_examples=DRAWS, derandomize=True, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(arguments(domains(formula.raw)))
    def compare(values):
        values = {name: in_dtype(value, dtype) for name, value in {**values, **function.bound_arguments}.items()}
        try:
            due = formula(**values)
        except ValueError:  # outside the domain after all
            return
        try:
            got = function.call(**{name: value for name, value in values.items() if name not in function.bound_arguments})
        except Exception as problem:
            if not any(text in str(problem) for text in refused):
                raise
            return
        error = error_in_bounds_of(formula, values, flatten_result(got, due), due, np.dtype(dtype).type)
        if error > ALLOWED:
            different.append((error, values))

    compare()
    return different


def error_in_bounds_of(formula, values, got, due, dtype):
    """Return the error of results in bounds; where nothing can be certified, 0 if they are the formula's own and infinity if not."""
    call = FunctionCall(Case("drawn", "", values), tuple(np.asarray(output) for output in got))
    try:
        expected = expected_outputs(formula.raw, call, values, dtype)
    except UNDEFINED:
        equal = (np.array_equal(output, leaf) for output, leaf in zip(got, tree_leaves(due), strict=True))
        return 0.0 if all(equal) else np.inf
    unit = float(np.finfo(dtype).eps) / 2
    return error_of_call(call, expected, [unit * max(output.size, 1.0) for output in expected], dtype)[0]


def initializer_result(target, settings=()):
    """Return the fields of the result of an initializer: the kit's tests, whose error probability is stated, decide."""
    (function,) = functions_of(target).values()
    part = sample_initializer(function, Task(target, dict(settings)))
    assert not part.faults, part.faults
    return judge_initializer(part, target, "check")
