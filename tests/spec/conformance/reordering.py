"""Random correct implementations: the program of a right convention, its statements rewritten by laws of real arithmetic.

An implementation is drawn from a seed: a convention, hyper-parameters, an order of operations, the quantities that it keeps, and how its
numbers are stored. Its source can be printed. `python -m tests.spec.conformance.reordering` judges many of them.
"""

import argparse
import ast
import copy
import functools
import itertools
import math
import random
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
from trainspec.spec.arithmetic import FORMATS, NARROW
from trainspec.spec.arithmetic.rounding import error_in_bounds
from trainspec.spec.changes.patterns import Substitution, match, names_assigned, names_read, parse_expression, substitute
from trainspec.spec.changes.program import NotApplicable, Program, assignment, located, read, run
from trainspec.spec.conformance.guards import FatalFault
from trainspec.spec.conformance.hyperparameters import DEFAULTS
from trainspec.spec.conformance.implementation import Run, Task
from trainspec.spec.conformance.optimizers.algorithm import program
from trainspec.spec.conformance.optimizers.combinations import combinations
from trainspec.spec.conformance.optimizers.conventions import FAMILIES, Convention
from trainspec.spec.conformance.optimizers.fixtures import VECTOR, fixture_for
from trainspec.spec.conformance.optimizers.matching import ALLOWED, errors_and_ulps, expected_points
from trainspec.spec.conformance.optimizers.runner import observe, plan_runs
from trainspec.spec.conformance.optimizers.storage import ROUNDINGS, storages_of
from trainspec.spec.conformance.optimizers.verdict import judge_optimizer
from trainspec.spec.conformance.optimizers.visits import OptimizerRun, visit_points
from trainspec.spec.conformance.result import Verdict

from . import rewriting
from .rewriting import FUSED, LAWS, simplified, visited

# --- what is kept from step to step -----------------------------------------------------------------------------------------------------


@dataclass
class Configuration:
    """A right convention and its hyper-parameters, lr among them: what several implementations have in common."""

    convention: Convention
    settings: Mapping[str, float]
    expectations: dict = field(default_factory=dict, repr=False)  # what the kit expects of each run, and its bound

    @functools.cached_property
    def program(self):
        """The program of the convention, without the ε inside the root that is 0 for most."""
        step = program(self.convention, decays="lr_decay" in self.settings)
        has_zero = "eps_root" in step.parameters and "eps_root" not in self.settings
        return step.replaced({"A + eps_root": "A"}) if has_zero else step


def with_powers(step, kind):
    """Return a program with its powers βᵗ as they are, by exp and log, or as running products that are part of the state."""
    for decay in ("beta1", "beta2", "momentum"):
        with suppress(NotApplicable):
            if kind == "exp and log":
                step = step.replaced({f"{decay}**t": f"np.exp(t * np.log({decay}))"})
            if kind == "running product":
                step = step.replaced({f"{decay}**t": f"{decay}_power"}).with_state({f"{decay}_power": "1"})
                step = step.inserted(f"{decay}_power = {decay}_power * {decay}", "start")
    return step


POWERS = ("power", "exp and log", "running product")


def with_product(step):
    """Return NAdam's program with 1 minus a product in place of the weight that its first moment has gathered."""
    is_scheduled = any("this" in names_assigned(statement) for statement in step.statements)
    step = step.replaced({"A * weight + (1 - A)": "1 - product"}, within=["weight"])
    step = step.replaced({"A * weight + (1 - A)": "1 - A * product"}, within=["ahead"])
    if not is_scheduled:
        return step.inserted("product = beta1**t", "after t")
    return step.with_state({"product": "1"}).inserted("product = product * this", "after this")


def other_forms(convention, step):
    """Return the quantities that an implementation may keep instead of those of the state, by name of the state and of the form.

    Each is given as the quantity in terms of A, which is the old one, and the old one in terms of A before and after its update.
    """
    forms = {name: {} for name in step.state}
    for role, name in convention.state_names.items():
        if role == "velocity" or (role == "m" and not convention.has_velocity):
            forms[name]["negated"] = ("-A", "-A", "-A")
    if convention.has_velocity and convention.lr_placement == "outside":
        forms["velocity"]["times the rate"] = ("A * lr", "A / last_lr", "A / lr")
        forms["velocity"]["times the constant rate"] = ("A * lr", "A / lr", "A / lr")
    for statement in step.statements:
        for name, decay in itertools.product(names_assigned(statement) & forms.keys(), ("beta1", "beta2", "momentum")):
            if match(parse_expression(f"{decay} * {name} + (1 - {decay}) * A"), statement.value, {}):
                forms[name][f"without the weight 1 - {decay}"] = (f"A / (1 - {decay})", f"A * (1 - {decay})", f"A * (1 - {decay})")
    return forms


def with_form(step, name, form):
    """Return the program, in single assignments, that keeps another quantity in place of the one of this name."""
    kept, before, after = (functools.partial(fill, text) for text in form)
    (last,) = (statement.value.id for statement in step.statements if name in names_assigned(statement))
    old, statements = Substitution({name: before(read(name))}), []
    for statement in step.statements:
        value, (target,) = old.visit(statement.value), names_assigned(statement)
        if target == last:
            statements += [assignment(f"{last}_kept", push(kept, value)), assignment(last, after(read(f"{last}_kept")))]
        else:
            statements.append(assignment(name, read(f"{last}_kept")) if target == name else assignment(target, value))
    return Program(tuple(statements), {**step.state, name: kept(step.state[name])})


def fill(text, node):
    """Return the expression of a text in which A is a given expression."""
    return simplified(substitute(parse_expression(text), {"A": node}))


def push(function, node):
    """Return a linear function of an expression, applied to the terms of sums, and to the factor of a product with which it cancels."""
    match node:
        case ast.BinOp(left, ast.Add() | ast.Sub() as operator, right) if not isinstance(left, ast.Constant):
            return simplified(ast.BinOp(push(function, left), operator, push(function, right)))
        case ast.UnaryOp(ast.USub() as sign, operand):
            return simplified(ast.UnaryOp(sign, push(function, operand)))
        case ast.BinOp(left, ast.Mult() as operator, right):
            for factor, other in ((left, right), (right, left)):
                image = function(factor)
                if all(part is not factor for part in ast.walk(image)):
                    return simplified(ast.BinOp(image, operator, other))
    return function(node)


# --- implementations ----------------------------------------------------------------------------------------------------------------------

STORAGE = ("arrays", "arrays", "in place", "coordinates", "wide state", "wide")  # of the numbers: wide is more precise than asked for
CONSTANTS = ("floats", "scalars")  # types of hyper-parameters: Python's, or NumPy's in the precision of the arrays


class Library:
    """NumPy's functions, of which those of floats are floats, so that these do not widen arrays."""

    def __getattr__(self, name):
        def call(*operands):
            result = getattr(np, name)(*operands)
            return float(result) if all(type(operand) in (float, int) for operand in operands) else result

        return call


def rounded_to(dtype, value, has_range):
    """Return a number in float32, rounded to a narrow format, or to its digits alone, with exponents that have no limits."""
    value = np.asarray(value, np.float32)
    if has_range:
        return value.astype(np.dtype(dtype).type).astype(np.float32)
    fractions, exponents = np.frexp(value)
    digits = FORMATS[dtype].digits
    return np.ldexp(np.rint(np.ldexp(fractions, digits)), exponents - digits)


@functools.cache
def rounding_array(dtype, has_range):
    """Return a class of float32 arrays whose every operation is rounded to a narrow format, numbers that meet an array included."""
    rounded = functools.partial(rounded_to, dtype, has_range=has_range)

    class Rounded(np.ndarray):
        def __array_ufunc__(self, ufunc, method, *inputs, **options):
            plain = [rounded(value) if isinstance(value, float | np.floating | np.ndarray) else value for value in inputs]
            (into,) = options.pop("out", (None,))
            result = getattr(ufunc, method)(*plain, **options)
            result = rounded(result).view(Rounded) if result.dtype.kind == "f" else result
            if into is not None:
                into[...] = result
            return result if into is None else into

    return Rounded


@dataclass
class Reordering:
    """An implementation of a configuration: its program rewritten, with other quantities kept, and its numbers stored in some way."""

    configuration: Configuration
    program: Program
    kept: tuple = ()  # the names of the forms of what it keeps
    storage: str = "arrays"
    constants: str = "floats"
    used: Counter = field(default_factory=Counter)  # how often each law
    rounding: str = "once-a-step"  # of a narrow format
    has_range: bool = True  # within a step numbers overflow and underflow as the narrow format does
    leaves_range: bool = False  # that makes it wrong: a weight times a point may underflow, and squares without their weight overflow
    library = ""

    @property
    def parameters(self):
        """The hyper-parameters with their defaults."""
        return self.configuration.settings

    @property
    def changes_lr(self):
        """Whether the learning rate may change."""
        return "times the constant rate" not in self.kept

    @property
    def takes_function(self):
        """Whether a step asks for the gradient at a point of its own."""
        return self.configuration.convention.nesterov_form == "lookahead"

    @functools.cached_property
    def runnable(self):
        """The program with its functions from a library."""
        return visited(self.program, Substitution({"np": read("library")}))

    def needs_floats(self, dtype):
        """Whether its scalars must not be single: RAdam takes a root of a length that loses its digits there."""
        return self.configuration.convention.family == "radam" and dtype is np.float32

    def start(self, theta, lr, settings):
        """Return a run from a point."""
        if theta.dtype.name in NARROW:
            return self.start_narrow(theta, lr, settings)
        dtype, by_coordinate, step = theta.dtype.type, self.storage == "coordinates", self.runnable
        wide = {np.float64: np.longdouble, np.float32: np.float64}[dtype] if self.storage.startswith("wide") else dtype
        scalar = dtype if self.constants == "scalars" and wide is dtype and not self.needs_floats(dtype) else float
        hyper = {name: scalar(value) for name, value in {**DEFAULTS, "initial_size": lr, **self.parameters, **settings}.items()}
        values = {name: {**hyper, "library": Library(), "fma": rewriting.fma}[name] for name in step.parameters}

        def start(point):
            point = float(point) if type(point) is np.float64 else point.astype(wide)
            return [point, *map(copy.copy, step.start(theta=point, lr=scalar(lr), **values))]

        def gradient_of(part):
            if self.takes_function:
                return lambda point: part(point).astype(wide)
            fixed = float(part) if type(part) is np.float64 else part.astype(wide)
            return lambda point: fixed

        states = [start(point) for point in (theta if by_coordinate else [theta])]

        def advance(grad, rate):
            for state, part in zip(states, grad if by_coordinate else [grad], strict=True):
                point, *rest = state
                new = step.step(point, gradient_of(part), scalar(rate), *rest, **values)
                state[:] = map(overwritten, state, new) if self.storage == "in place" else new
                if self.storage == "wide state":
                    state[0] = state[0].astype(dtype).astype(wide)
            return np.array([state[0] for state in states], dtype) if by_coordinate else states[0][0].astype(dtype, copy=False)

        return Run(advance, changes_lr=self.changes_lr, takes_gradient_function=self.takes_function)

    def start_narrow(self, theta, lr, settings):
        """Return a run from a point of a narrow format, in float32 but for what is rounded."""
        kind, step, single = theta.dtype.type, self.runnable, np.dtype(np.float32)
        array = rounding_array(theta.dtype.name, self.has_range) if self.rounding == "every-operation" else np.ndarray
        hyper = {name: float(value) for name, value in {**DEFAULTS, "initial_size": lr, **self.parameters, **settings}.items()}
        values = {name: {**hyper, "library": Library(), "fma": rewriting.fma}[name] for name in step.parameters}

        def wide(numbers):
            return np.asarray(numbers).astype(single).view(array)

        def stored(part, name):
            is_kept = {"points-only": True, "point-once-a-step": name != "theta", "once-a-step": False, "every-operation": False}
            if not isinstance(part, np.ndarray) or part.dtype.kind != "f" or is_kept[self.rounding]:
                return part
            return wide(rounded_to(theta.dtype.name, part, self.has_range or name == "theta"))

        state = [wide(theta), *map(copy.copy, step.start(theta=wide(theta), lr=float(lr), **values))]

        def advance(grad, rate):
            point, *rest = state
            gradient = (lambda at: wide(grad(at))) if self.takes_function else (lambda at: wide(grad))
            new = step.step(point, gradient, float(rate), *rest, **values)
            state[:] = [stored(part, name) for part, name in zip(new, ("theta", *step.state), strict=True)]
            return np.asarray(new[0]).astype(kind)

        return Run(advance, changes_lr=self.changes_lr, takes_gradient_function=self.takes_function)

    def trajectory(self, theta, grads, lrs, slopes=None, **hyper):
        """Return the points that it visits, in any arithmetic."""
        names = {**DEFAULTS, "initial_size": lrs[0], **hyper, "fma": rewriting.fma}
        return np.stack([state["theta"] for state in run(self.program, theta, grads, lrs, slopes, names)])


def overwritten(old, new):
    """Return an array with new values, or the new scalar."""
    if not isinstance(old, np.ndarray):
        return new
    old[...] = new
    return old


# --- drawing ----------------------------------------------------------------------------------------------------------------------------

VALUES = {  # that people use, and a range
    "lr": ((1e-3, 0.1, 0.01, 3e-4), (1e-4, 1.0)),
    "momentum": ((0.9, 0.99, 0.95, 0.5), (0.3, 0.99)),
    "dampening": ((0.1, 0.5, 0.9), (0.05, 0.95)),
    "beta1": ((0.9, 0.95, 0.8, 0.5), (0.3, 0.99)),
    "beta2": ((0.999, 0.99, 0.9, 0.98, 0.9995), (0.5, 0.9995)),
    "beta3": ((0.99, 0.999, 0.9999), (0.5, 0.9999)),
    "slow_weight": ((5.0, 8.0, 2.0), (0.5, 10.0)),
    "eps": ((1e-8, 1e-7, 1e-6, 1e-3, 1e-10), (1e-9, 0.3)),
    "eps_root": ((1e-8, 1e-6), (1e-9, 0.1)),
    "weight_decay": ((0.01, 0.1, 1e-4, 5e-4), (1e-4, 0.3)),
    "lr_decay": ((0.01, 1e-3), (1e-3, 0.3)),
    "initial_second_moment": ((0.1, 0.01), (0.01, 2.0)),
    "momentum_decay": ((0.004,), (0.001, 0.5)),
    "grow": ((1.2, 1.5, 1.1), (1.05, 2.0)),
    "shrink": ((0.5, 0.6), (0.2, 0.9)),
    "smallest": ((1e-6,), (1e-7, 1e-3)),
    "largest": ((50.0, 1.0), (0.5, 60.0)),
    "final_lr": ((0.1,), (0.01, 1.0)),
    "convergence": ((1e-3,), (1e-3, 0.3)),
    "clip_exponent": ((0.25,), (0.1, 0.5)),
    "change_weight": ((0.025,), (0.01, 0.5)),
    "smallest_share": ((0.125,), (0.05, 0.5)),
    "trust": ((0.001, 0.02, 1.0), (1e-3, 1.0)),
    "time_power": ((1.0, 2.0), (0.5, 2.0)),
    "rate_power": ((2.0, 1.0), (0.5, 2.0)),
    "decay_exponent": ((0.8,), (0.5, 1.0)),
    "largest_rms": ((1.0,), (0.5, 2.0)),
    "smallest_scale": ((1e-3,), (1e-3, 0.3)),
}
DTYPES = ("float64", "float32")
ALIKE = 4  # implementations of a configuration


def draw_value(name, draw):
    """Return a random value of a hyper-parameter."""
    usual, (low, high) = VALUES[name]
    if draw.random() < 0.5:
        return draw.choice(usual)
    if name in ("beta1", "beta2", "beta3", "momentum"):
        return 1 - math.exp(draw.uniform(math.log(1 - high), math.log(1 - low)))
    return math.exp(draw.uniform(math.log(low), math.log(high)))


NOT_REORDERED = {"prodigy"}  # its state has the point at the start, which the rewriting does not know yet
OF_VECTORS = [family for family in FAMILIES if FAMILIES[family].kind == VECTOR and family not in NOT_REORDERED]  # matrices have other laws


@functools.cache
def right_conventions(family):
    """Return the right conventions of a family."""
    return tuple(combinations(family, mistaken=False))


def draw_configuration(seed, family=None):
    """Return a random configuration."""
    draw = random.Random(f"configuration {seed}")
    convention = draw.choice(right_conventions(family or draw.choice(sorted(OF_VECTORS))))
    names = {"lr", *program(convention).parameters} - {"eps_root"}
    names |= {"lr_decay"} if convention.family == "adagrad" and not convention.has_velocity and draw.random() < 0.3 else set()
    names |= {"eps_root"} if convention.family == "adam" and convention.eps == "outside" and draw.random() < 0.2 else set()
    settings = {name: draw_value("lr" if name == "initial_size" else name, draw) for name in sorted(names)}
    if "initial_size" in settings:
        settings["smallest"] = min(settings["smallest"], settings["initial_size"])
        settings["largest"] = max(settings["largest"], settings["initial_size"])
    return Configuration(convention, settings)


def draw_reordering(configuration, seed):
    """Return a random implementation of a configuration."""
    draw, used, kept = random.Random(f"reordering {seed}"), Counter(), []
    step = configuration.program
    if "weight" in step.state and draw.random() < 0.5:
        step, kept = with_product(step), ["1 minus a product"]
    step = with_powers(step, draw.choice(POWERS)).with_state({"last_lr": "lr"}).inserted("last_lr = lr", "end")
    forms = other_forms(configuration.convention, step)
    step = rewriting.in_single_assignments(step)
    for name, choices in forms.items():
        if choices and draw.random() < 0.5:
            kept.append(draw.choice(list(choices)))
            step = with_form(step, name, choices[kept[-1]])
    step = rewriting.with_random_inlining(step, draw)
    rate = draw.choice((0.3, 0.6))
    for laws in [LAWS] * draw.randint(1, 4) + [FUSED] * (draw.random() < 0.3):
        step = visited(step, rewriting.RandomRewriting(draw, laws, rate, rewriting.names_of_arrays(step), used))
    storage = draw.choice(STORAGE)
    if storage == "coordinates" and (configuration.convention.nesterov_form == "lookahead" or step.couples_coordinates):
        storage = "arrays"
    return Reordering(configuration, step, tuple(kept), storage, draw.choice(CONSTANTS), used, draw.choice(ROUNDINGS))


def draw_many(count, first=0, dtypes=DTYPES):
    """Yield seeds with a dtype and an implementation each."""
    for seed in range(first, first + count):
        if seed == first or seed % ALIKE == 0:
            for function in (names_read, names_assigned, located):
                function.cache_clear()  # of the programs before
            configuration = draw_configuration(seed // ALIKE)
        yield seed, dtypes[seed // ALIKE % len(dtypes)], draw_reordering(configuration, seed)


# --- judging ----------------------------------------------------------------------------------------------------------------------------


def stays_finite(subject, dtype):
    """Return whether the convention itself stays within the format at these hyper-parameters; decay over a tiny root need not."""
    plan = plan_runs(subject.parameters, Task("reordering", dtype=dtype)).runs[0]
    fixture, eps = fixture_for(changes_lr=subject.changes_lr), plan.hyper.get("eps", DEFAULTS["eps"])
    points = np.zeros(1, np.dtype(dtype))
    record = OptimizerRun(fixture, plan.lr, plan.hyper, points, takes_gradient_function=subject.takes_function, eps=eps)
    with np.errstate(all="ignore"):
        points = subject.configuration.convention.trajectory(*record.inputs(np.float64), **plan.hyper)
    if not np.max(np.abs(points)) < np.sqrt(FORMATS[dtype].largest):
        return False
    if dtype in NARROW:
        with suppress(FatalFault):
            return bool(run_records(in_own_order(subject), dtype))
        return False
    return True


def run_records(subject, dtype):
    """Return the runs that the kit makes of an implementation."""
    first, *others = plan_runs(subject.parameters, Task("reordering", dtype=dtype)).runs
    follow_plan = functools.partial(visit_points, subject, fixture_for(changes_lr=subject.changes_lr), dtype=np.dtype(dtype).type)
    records = [follow_plan(first)[0]]
    for plan in others:
        with suppress(FatalFault):  # as the kit does: at other values than its own a formula may grow without bound
            records.append(follow_plan(plan)[0])
    return records


def largest_error(subject, dtype):
    """Return the largest error of an implementation, in bounds of its convention; alike runs of a configuration share these.

    It is 0 where the range of a narrow format makes the implementation wrong, which is noted.
    """
    errors, known = [], subject.configuration.expectations
    if dtype in NARROW:
        error = largest_narrow_error(subject, dtype)
        subject.leaves_range = not error <= ALLOWED and is_wrong_by_range(subject, dtype)
        return 0.0 if subject.leaves_range else error
    for record in run_records(subject, dtype):
        key = (record.lr, tuple(sorted(record.hyper.items())), record.fixture.name, str(record.points.dtype))
        if key not in known:
            known[key] = expected_points(subject.configuration.convention, record)
        balls, bounds = known[key]
        errors.append(np.max(error_in_bounds(errors_and_ulps(record.points, balls)[0], bounds)))
    return float(np.max(errors))


def largest_narrow_error(subject, dtype):
    """Return the largest error in the bounds of where the implementation rounds; 0 where rounding leaves nothing decided."""
    (storage,) = (storage for storage in storages_of(dtype) if storage.label == subject.rounding)
    errors = [0.0]
    try:
        records = run_records(subject, dtype)
    except FatalFault:
        return math.inf
    for record in records:
        with suppress(ArithmeticError):
            balls, bounds = expected_points(subject.configuration.convention, replace(record, storage=storage))
            errors.append(np.max(error_in_bounds(errors_and_ulps(record.points, balls)[0], bounds)))
    return float(np.max(errors))


def is_wrong_by_range(subject, dtype):
    """Return whether an implementation is right but for the range of a narrow format, which the convention's own order keeps within."""
    without_limits = replace(subject, has_range=False)
    return all(largest_narrow_error(each, dtype) <= ALLOWED for each in (without_limits, in_own_order(subject)))


def in_own_order(subject):
    """Return the implementation of a configuration whose operations are the convention's own."""
    return Reordering(subject.configuration, subject.configuration.program, rounding=subject.rounding)


def wrong_verdict(subject, dtype):
    """Return what is wrong with the kit's verdict on an implementation, "" if nothing is."""
    task = Task("reordering:Reordering", dtype=dtype)
    result, identifier = judge_optimizer(observe(subject, task), task, "check"), subject.configuration.convention.id
    named = {result.convention, *(identity.convention for identity in result.identities), *result.candidates}
    if result.verdict not in (Verdict.CONFORMS, Verdict.AMBIGUOUS) or result.exit_code:
        return f"{result.verdict}: {result.message}"
    return "" if identifier in named or dtype in NARROW else f"{result.convention} is named, not {identifier}"


def report(count, first, sample, dtypes=DTYPES, every=500):
    """Return the number of false alarms among many implementations; print each with its source, and the largest error of each family."""
    errors, alarms, used, skipped, outside = {}, 0, Counter(), 0, 0
    for seed, dtype, subject in draw_many(count, first, dtypes):
        if not stays_finite(subject, dtype):
            skipped += 1
            continue
        try:
            error = largest_error(subject, dtype)
        except (ArithmeticError, FatalFault) as problem:
            error = math.inf
            print(f"seed {seed}: {type(problem).__name__}: {problem}")
        convention = subject.configuration.convention
        kind = f"{convention.family} {subject.rounding}" if dtype in NARROW else convention.family
        errors.setdefault((kind, dtype), []).append((error, seed))
        used += subject.used
        outside += subject.leaves_range
        message = (
            wrong_verdict(subject, dtype) if sample and seed % sample == 0 and convention.eps != "none" and not subject.leaves_range else ""
        )
        if message or not error <= ALLOWED:
            alarms += 1
            print(f"FALSE ALARM seed {seed} {dtype} {convention.id} {subject.parameters} {subject.kept}, {subject.storage}, "
                  f"{subject.constants}, {subject.rounding}: "
                  f"{error:.3g} bounds {message}\n{subject.program.source}", flush=True)  # fmt: skip
        if (seed + 1 - first) % every == 0:
            largest = max(max(pairs) for pairs in errors.values())[0]
            print(f"{seed + 1 - first} of {count}, {alarms} false alarms, largest error {largest:.3g}", flush=True)
    print(f"{'family':10} {'dtype':8} programs  largest error in bounds (seed)")
    for (family, dtype), pairs in sorted(errors.items()):
        print(f"{family:10} {dtype:8} {len(pairs):8}  {max(pairs)[0]:.3f} ({max(pairs)[1]})")
    print(f"{skipped} of them were not run: the formula itself grows beyond the format")
    print(f"{outside} of them were not judged: their order leaves the range of a narrow format, the convention's own does not")
    print("laws used:", ", ".join(f"{name} {times}" for name, times in used.most_common()))
    return alarms


def main():
    """Judge as many implementations as the command line says; the exit code says whether one was rejected."""
    parser = argparse.ArgumentParser(description="Judge random reorderings of right conventions.")
    parser.add_argument("count", type=int, nargs="?", default=10_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--dtypes", nargs="+", choices=FORMATS, default=DTYPES, help="the formats")
    parser.add_argument("--sample", type=int, default=100, help="one in so many gets a full verdict; 0: none")
    options = parser.parse_args()
    alarms = report(options.count, options.first, options.sample, options.dtypes)
    print(f"{alarms} false alarms over {options.count} programs, seeds {options.first} to {options.first + options.count - 1}")
    raise SystemExit(bool(alarms))


if __name__ == "__main__":
    main()
