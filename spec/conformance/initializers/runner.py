"""Draw from an initializer with fixed seeds, and report how it behaves."""

from __future__ import annotations

import inspect
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ....reference import FORMULAS, Formula
from ....reference.validation import domains
from ...inputs.cases import Case
from ..functions.binding import Binding, bind
from ..functions.observations import FunctionCall, FunctionObservations
from ..guards import FatalFault, call_guarded, check_real_array, random_state_faults, random_states, unique_faults
from ..hyperparameters import InvalidSettings, hyperparameters
from ..implementation import FunctionImplementation, Task
from ..result import Fault, printable

LARGE = (64, 160)  # fan_out, fan_in: far from square, so that swapped fans show
LARGE_DRAWS = 12
SMALL = ((3, 5), (5, 3), (1, 4), (4, 4))
LONG = ((2049, 4), (4, 2049))  # beyond what a loop over blocks of rows or columns may leave out
SQUARE_DRAWS = 500  # of a small matrix, for the signs of an orthogonal one
MOST_INPUTS = 15  # of a sparse unit
SHAPE_NAMES = ("shape", "size", "dims")
SEED_NAMES = ("seed",)


def separating_arguments(formula: Formula[..., Any]) -> dict[str, Any]:
    """Return the numbers that an initializer is called with: away from 1, so that it shows where they stand."""
    arguments = {"std", "half_width", "gain", "cut", "spread", "count", "size", "samples"} & set(domains(formula.raw))
    return {name: row.separating[0] for name, row in hyperparameters().items() if name in arguments}


def sample_initializer(function: FunctionImplementation, task: Task) -> FunctionObservations:
    """Return what an initializer draws from fixed seeds."""
    formula = FORMULAS[function.formula]
    call = with_fans_and_generator(function.call) if "fan_in" in domains(formula.raw) else function.call
    try:
        binding, pinned = bind(call, formula, task.names, task.settings, function.bound_arguments)
    except InvalidSettings as problem:
        return FunctionObservations(formula.id, settings=task.settings, faults=(Fault("settings", printable(problem)),))
    hyper = {**separating_arguments(formula), **{name: values[0] for name, values in binding.unbound.items()}, **pinned}
    calls: list[FunctionCall] = []
    faults: list[Fault] = []
    try:
        for name, sizes, seed in planned_draws(formula):
            arguments = {**hyper, **sizes}
            outputs, observed = draw(call, binding, arguments, seed, name)
            faults += observed
            calls.append(FunctionCall(Case(name, "its distribution", {**arguments, "seed": seed}), tuple(outputs)))
        faults += seed_faults(call, binding, {**hyper, **sizes_of(formula, (4, 6))})
    except FatalFault as problem:
        faults.append(problem.fault)
        calls = []
    return FunctionObservations(formula.id, binding.unbound, {**pinned}, tuple(calls), unique_faults(faults))


def with_fans_and_generator(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of a generator and two fans, from one of a shape and a generator or a seed."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        return function
    shape = next((parameter for parameter in parameters if parameter.name in SHAPE_NAMES), None)
    seed = next((parameter for parameter in parameters if parameter.name in SEED_NAMES), None)
    if not shape and not seed:
        return function
    keyword = inspect.Parameter.KEYWORD_ONLY
    variable = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    kept = [
        parameter.replace(kind=keyword) for parameter in parameters if parameter not in (shape, seed) and parameter.kind not in variable
    ]
    fans = [inspect.Parameter(name, keyword) for name in ("fan_out", "fan_in")] if shape else []
    source = [inspect.Parameter("source", keyword)] if seed else []

    def call(**arguments: Any) -> Any:
        fans_as_shape = {shape.name: (arguments.pop("fan_out"), arguments.pop("fan_in"))} if shape else {}
        seeded = {seed.name: int(arguments.pop("source").integers(2**31))} if seed else {}
        return function(**fans_as_shape, **seeded, **arguments)

    call.__signature__ = inspect.Signature([*source, *fans, *kept])  # type: ignore[attr-defined]
    return call


def planned_draws(formula: Formula[..., Any]) -> Iterator[tuple[str, dict[str, int], int]]:
    """Yield the draws: their names, sizes and seeds."""
    if "fan_in" not in domains(formula.raw):
        yield from ((f"epoch {seed}", {}, seed) for seed in range(1, LARGE_DRAWS + 1))
        return
    for seed in range(1, LARGE_DRAWS + 1):
        yield f"large {seed}", sizes_of(formula, LARGE), seed
    for seed, shape in enumerate(SMALL, start=101):
        yield f"small {shape}", sizes_of(formula, shape), seed
    for seed, shape in enumerate(LONG, start=201):
        yield f"long {shape}", sizes_of(formula, shape), seed
    for seed in range(1001, 1001 + SQUARE_DRAWS if formula.id == "init.orthogonal" else 1001):
        yield f"square {seed}", sizes_of(formula, (3, 3)), seed


def sizes_of(formula: Formula[..., Any], shape: tuple[int, int]) -> dict[str, int]:
    """Return the fans, and how many inputs a sparse unit has."""
    if "fan_in" not in domains(formula.raw):
        return {}
    count = {"count": min(MOST_INPUTS, shape[1] - 1)} if "count" in domains(formula.raw) else {}
    return {"fan_out": shape[0], "fan_in": shape[1], **count}


def draw(
    function: Callable[..., Any], binding: Binding, arguments: Mapping[str, Any], seed: int, name: str
) -> tuple[list[Any], list[Fault]]:
    """Return one draw from a seed, and the faults of the call."""
    where = f"draw {name!r}"
    source = np.random.default_rng(seed)
    with seeded_generators(seed):
        before = random_states()
        result = call_guarded(where, lambda: binding.call(function, {**arguments, "source": source}))
        faults = random_state_faults(before, where)
    parts = list(result) if isinstance(result, tuple | list) else [result]
    arrays = [np.array(check_real_array(part, "an array", where)) for part in parts]
    shape = (arguments["fan_out"], arguments["fan_in"]) if "fan_out" in arguments else None
    for array in arrays:
        if shape and array.shape != shape:
            raise FatalFault("shape", f"it returns shape {array.shape} where {shape} is due, in {where}")
        if array.dtype.kind not in ("f" if shape else "iu"):
            due = "real numbers are" if shape else "indices are"
            raise FatalFault("dtype", f"it returns {array.dtype} where {due} due, in {where}")
        if not np.all(np.isfinite(array)):
            raise FatalFault("not-finite", f"it returns {array[~np.isfinite(array)][0]} in {where}")
    return arrays, faults


@contextmanager
def seeded_generators(seed: int) -> Iterator[None]:
    """Seed the generators of the process, from which an initializer may draw; their states are restored afterwards."""
    states, torch = (random.getstate(), np.random.get_state()), sys.modules.get("torch")
    of_torch = torch.random.get_rng_state() if torch else None
    random.seed(seed)
    np.random.seed(seed)
    if torch:
        torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        if torch:
            torch.random.set_rng_state(of_torch)


def seed_faults(function: Callable[..., Any], binding: Binding, arguments: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield a fault where the same seed gives different draws, or another seed the same ones."""
    first, again, other = (draw(function, binding, arguments, seed, "again")[0] for seed in (7, 7, 8))
    if not all(np.array_equal(a, b) for a, b in zip(first, again, strict=True)):
        yield Fault("nondeterministic", "two draws from generators with the same seed differ", fatal=False)
    elif all(np.array_equal(a, b) for a, b in zip(first, other, strict=False)):
        yield Fault("ignores-generator", "draws from generators with different seeds are the same", fatal=False)
