"""Find a minimal input on which a function deviates from its formula: small integers and dyadic fractions, as a Python program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ....reference import FORMULAS
from ....reference.validation import domains
from ...inputs.cases import Case, cases, in_dtype, reference_result
from ..guards import capture_output
from ..implementation import Task
from ..loading import adapt_object, load_object, split_target
from .binding import bind, value_at
from .error import error_of_call, expected_outputs, with_arguments
from .observations import FunctionCall
from .runner import Caller, flatten_result, load_functions, with_computed

TIME_LIMIT = 15.0  # seconds of processor time
EXAMPLES = 200
EVALUATIONS = 400  # of the function, shrinking included: a count and no time, so that the result is the same on every machine
CLEAR_DEVIATION = 1e3  # bounds: a counterexample is off by more


def find_counterexample(task: Task, inferred: Mapping[str, Any]) -> str:
    """Return a program that shows the deviation; nothing where no small input and no case shows it."""
    from hypothesis import find as find_minimal
    from hypothesis.errors import Flaky, NoSuchExample, Unsatisfiable

    from ...inputs.strategies import arguments, search_settings

    with capture_output():
        (function,) = load_functions(task)
        formula = FORMULAS[function.formula]
        binding, pinned = bind(function.call, formula, task.names, task.settings, function.bound_arguments, task.outputs)
        search = Search(Caller(function.call, formula, binding, np.dtype(task.dtype).type), {**inferred, **pinned})
        try:
            minimal = find_minimal(arguments(domains(formula.raw)), search.deviates, settings=search_settings(EXAMPLES))
            example = with_arguments(minimal, search.pinned)
        except (NoSuchExample, Unsatisfiable, Flaky):
            of_cases = (with_arguments(case.arguments, search.pinned) for case in cases(formula, search.pinned))
            known = search.deviating or [values for values in of_cases if search.error(values) > CLEAR_DEVIATION]
            if not known:
                return ""
            example = min(known, key=lambda values: len(repr(values)))
        example = dict(with_computed(Case("", "", example), binding.computed, search.caller.dtype).arguments)
        return program(task, search.caller, example) if not task.outputs else ""


@dataclass
class Search:
    """A search for inputs that show a deviation: it counts its evaluations and remembers the inputs that do."""

    caller: Caller
    pinned: Mapping[str, Any]
    deviating: list[dict[str, Any]] = field(default_factory=list)
    evaluations: int = 0

    def deviates(self, values: Mapping[str, Any]) -> bool:
        """Return whether these arguments show a clear deviation."""
        self.evaluations += 1
        arguments = with_arguments(values, self.pinned)
        if self.evaluations > EVALUATIONS or self.error(arguments) <= CLEAR_DEVIATION:
            return False
        self.deviating.append(arguments)
        return True

    def error(self, values: Mapping[str, Any]) -> float:
        """Return the error in bounds at these arguments; 0 outside the domain, and where the function raises."""
        caller = self.caller
        case = with_computed(Case("", "", with_arguments(values, self.pinned)), caller.binding.computed, caller.dtype)
        arguments = case.arguments
        if (expected := reference_result(caller.formula, case, caller.dtype)) is None:
            return 0.0
        try:
            with np.errstate(all="ignore"):
                result = caller.binding.call(caller.function, {name: in_dtype(value, caller.dtype) for name, value in arguments.items()})
                outputs = tuple(np.array(output) for output in flatten_result(result, expected))
                if not all(np.all(np.isfinite(output)) for output in outputs):
                    return float("inf")
                call = FunctionCall(case, outputs)
                due = expected_outputs(caller.formula.raw, call, arguments, caller.dtype)
                unit = float(np.finfo(caller.dtype).eps) / 2
                return error_of_call(call, due, [unit * max(output.size, 1.0) for output in due], caller.dtype)[0]
        except Exception:  # what raises is another fault
            return 0.0


def program(task: Task, caller: Caller, example: Mapping[str, Any]) -> str:
    """Return Python that calls the function and the formula, with what came and what is due."""
    formula, binding, dtype = caller.formula, caller.binding, caller.dtype
    arguments = {name: in_dtype(value, dtype) for name, value in example.items()}
    with np.errstate(all="ignore"):
        got = binding.call(caller.function, {name: in_dtype(value, dtype) for name, value in example.items()})
        due = formula.raw(**{name: in_dtype(value, dtype) for name, value in example.items()})
    parameters = [as_source(value_at(arguments, path)) for path in binding.by_position]
    parameters += [f"{name}={as_source(value_at(arguments, path))}" for name, path in binding.by_name.items()]
    parameters += [f"{name}={value!r}" for name, value in binding.constants.items()]
    formula_arguments = ", ".join(f"{name}={as_source(value)}" for name, value in arguments.items())
    return "\n".join(
        [
            "import numpy as np",
            *argument_imports(formula, example),
            *function_imports(task.target, formula.id),
            "",
            f"print(subject({', '.join(parameters)}))",
            f"# came: {short_text(got)}",
            f"print({formula.__name__}({formula_arguments}))",
            f"# due:  {short_text(due)}",
        ]
    )


def argument_imports(formula: Any, example: Mapping[str, Any]) -> list[str]:
    """Return the imports of a formula and of the types of its arguments."""
    states = sorted({type(value).__name__ for value in example.values() if hasattr(value, "_fields")})
    parts = [part for value in example.values() for part in (value if isinstance(value, tuple) else (value,))]
    functions = sorted({(type(part).__module__, type(part).__name__) for part in parts if callable(part)})
    lines = [f"from {formula.__module__} import {', '.join([formula.__name__, *states])}"]
    return lines + [f"from {module} import {name}" for module, name in functions]


def function_imports(target: str, formula: str) -> list[str]:
    """Return the import of a function from its module, its file, or through its adapter."""
    location, path = split_target(target)
    if adapt_object(load_object(target)) is not None:
        return ["from trainspec.spec.conformance import load_function", f"subject = load_function({target!r}, {formula!r})"]
    if location.endswith(".py") or not path or "." in path:
        return ["from trainspec.spec.conformance import load_object", f"subject = load_object({target!r})"]
    return [f"from {location} import {path} as subject"]


def as_source(value: Any) -> str:
    """Return a value as Python source."""
    if isinstance(value, np.ndarray):
        shape = "" if value.size else f".reshape({value.shape})"
        return f"np.array({value.tolist()!r}{'' if value.dtype in (np.float64, np.int64) else f', dtype=np.{value.dtype}'}){shape}"
    if hasattr(value, "_fields"):
        return f"{type(value).__name__}({', '.join(as_source(part) for part in value)})"
    return repr(value)


def short_text(value: Any) -> str:
    """Return a result on one line."""
    if isinstance(value, tuple | list):
        return f"({', '.join(map(short_text, value))})"
    return str(value.tolist()) if hasattr(value, "tolist") else repr(value)
