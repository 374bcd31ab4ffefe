"""Run an optimizer on a fixture, and record the points that it visits, its state, and how it misbehaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..guards import DTYPE_FAULTS, ArrayGuard, FatalFault, call_guarded, check_real_array, is_real
from ..hyperparameters import DEFAULTS
from ..implementation import Implementation, Run
from ..result import NARROW, Fault, printable
from .fixtures import MATRIX, VECTOR, Fixture, fixture_for, fixtures, fixtures_for

if TYPE_CHECKING:
    from .storage import Storage


@dataclass(frozen=True, eq=False)
class OptimizerRun:
    """One run: its fixture, its hyper-parameters by canonical name, the points visited, and the state after each step."""

    fixture: Fixture
    lr: float
    hyper: Mapping[str, float]
    points: Any
    states: tuple[Mapping[str, Any], ...] = ()
    takes_gradient_function: bool = False
    eps: float = DEFAULTS["eps"]  # the scale of the columns that stand for eps
    storage: Storage | None = None  # where it rounds, in a narrow format

    @property
    def is_narrow(self) -> bool:
        """Whether its points have fewer bits than float32."""
        return self.points.dtype.name in NARROW

    def inputs(self, dtype: Any) -> tuple[Any, ...]:
        """Return what the run is given: the start, the gradients, the learning rates, and how gradients change along the point.

        Numbers of a narrow format are in float64.
        """
        own = self.points.dtype.type if self.is_narrow else dtype
        slopes = self.fixture.curvatures(self.lr, self.eps, own) if self.takes_gradient_function else None
        arrays = self.fixture.start(self.lr, own), self.fixture.gradients(self.eps, own), slopes
        theta, grads, slopes = (array if array is None or not self.is_narrow else array.astype(float) for array in arrays)
        return theta, grads, self.fixture.rates(self.lr), slopes

    def part(self, columns: slice) -> OptimizerRun:
        """Return the run in some of its columns."""
        fixture = self.fixture.part(range(len(self.fixture.theta))[columns])
        return replace(self, fixture=fixture, points=self.points[:, columns], states=())


@dataclass(frozen=True)
class RunConfig:
    """The hyper-parameters of one run: as they are passed, by the optimizer's own names, and as they are meant, by canonical name."""

    passed: Mapping[str, Any]
    hyper: Mapping[str, float]
    lr: float
    stated: Mapping[str, Any]  # by canonical name, as they were stated


def dtype_named(name: str) -> Any:
    """Return a dtype of the kit by its name."""
    if name in NARROW:
        import ml_dtypes  # noqa: F401 - it gives NumPy the names of its formats
    return np.dtype(name).type


def fixtures_of(implementation: Implementation, config: RunConfig, dtype: Any, kind: str = VECTOR) -> tuple[Fixture, ...]:
    """Return the fixtures with a changing learning rate, or the constant ones for an optimizer whose rate cannot be changed."""
    theta = fixture_for(changes_lr=True, kind=kind).start(config.lr, dtype)
    return fixtures_for(changes_lr=start_run(implementation, theta, config.lr, config.passed).changes_lr, kind=kind)


def parameter_kind(implementation: Implementation, config: RunConfig, dtype: Any) -> str:
    """Return what an optimizer takes as its parameters: a vector, or only a matrix."""
    for kind in (VECTOR, MATRIX):
        with suppress(FatalFault):
            visit_points(implementation, fixture_for(changes_lr=True, kind=kind).first_steps(2), config, dtype)
            return kind
    return VECTOR


def treats_matrices_otherwise(implementation: Implementation, config: RunConfig, dtype: Any) -> bool:
    """Return whether an optimizer moves the entries of a matrix otherwise than those of a vector of the same entries."""
    fixture = fixtures_of(implementation, config, dtype, MATRIX)[0]
    matrix = visit_points(implementation, fixture, config, dtype)[0].points
    vector = visit_points(implementation, replace(fixture, shape=()), config, dtype)[0].points
    return not np.allclose(matrix.reshape(vector.shape), vector, rtol=OTHERWISE, atol=OTHERWISE * float(np.max(np.abs(vector))))


OTHERWISE = 2.0**-10  # relative: rounding is far smaller


def start_run(implementation: Implementation, theta: Any, lr: float, settings: Mapping[str, Any]) -> Run:
    """Return a started run; what it raises is a FatalFault."""
    run: Run = call_guarded("the start", implementation.start, theta, float(lr), settings)
    return run


def run_fixture(implementation: Implementation, fixture: Fixture, config: RunConfig, dtype: Any) -> tuple[OptimizerRun, list[Fault]]:
    """Run a fixture; if the result is not finite at a zero gradient, run it without zero gradients and report that fault."""
    try:
        return visit_points(implementation, fixture, config, dtype)
    except FatalFault as problem:
        if problem.fault.kind != "not-finite" or not fixture.vanishes:
            raise
        run, faults = visit_points(implementation, fixture.nowhere_zero, config, dtype)
        return run, [*faults, Fault("not-finite", f"{problem.fault.detail}, where the gradient is 0", fatal=False)]


def visit_points(
    implementation: Implementation, fixture: Fixture, config: RunConfig, dtype: Any, *, one_buffer: bool = False, eps: float | None = None
) -> tuple[OptimizerRun, list[Fault]]:
    """Run a fixture and record the points. Inputs are guarded, except with `one_buffer`, where all gradients share one array.

    `eps` is what columns that stand for it have the size of, where it is not that of the hyper-parameters.
    """
    guard = ArrayGuard()
    faults: list[Fault] = []
    theta, eps = fixture.start(config.lr, dtype), config.hyper.get("eps", DEFAULTS["eps"]) if eps is None else eps
    handed = guard.hand_out("theta", theta)
    run = start_run(implementation, handed, config.lr * fixture.lr[0], config.passed)
    with np.errstate(over="ignore"):  # of a format whose range is small
        slopes, buffer = fixture.curvatures(config.lr, eps, dtype), np.empty(theta.shape, dtype)
    points, states = [], []
    for number, (values, rate) in enumerate(zip(fixture.gradients(eps, dtype), fixture.rates(config.lr), strict=True), start=1):
        where = f"step {number}"
        buffer[:] = values
        gradient = buffer if one_buffer else guard.hand_out(f"the gradient of {where}", values)
        if run.takes_gradient_function:
            gradient = gradient_function(values, slopes[number - 1])
        point = check_point(call_guarded(where, run.step, gradient, float(rate)), theta, number)
        in_place = ("theta",) if np.array_equal(handed, point) else ()
        faults += guard.faults(where, [point], but=in_place) if not (faults or one_buffer) else ()
        if point.dtype != theta.dtype and not any(fault.kind in DTYPE_FAULTS for fault in faults):
            kind = DTYPE_FAULTS[np.can_cast(theta.dtype, point.dtype)]
            faults.append(Fault(kind, f"it returns {point.dtype} where {theta.dtype} is due, in {where}", fatal=False))
        points.append(point.astype(theta.dtype))
        states.append(visible_state(run))
    return OptimizerRun(fixture, config.lr, config.hyper, np.stack(points), tuple(states), run.takes_gradient_function, eps), faults


def visible_state(run: Run) -> dict[str, Any]:
    """Return the arrays of real numbers that a run shows; a state that cannot be read is not shown."""
    try:
        return {printable(name, 60): np.array(value) for name, value in run.state().items() if is_real(np.asarray(value).dtype)}
    except Exception:
        return {}


def gradient_function(values: Any, slopes: Any) -> Callable[[Any], Any]:
    """Return the gradient of one step as a function of the point."""

    def gradient(point: Any) -> Any:
        point = np.asarray(point).astype(np.float64) if values.dtype.name in NARROW else np.asarray(point)
        if point.shape != values.shape:
            raise ValueError(f"the gradient was asked for at a point of shape {point.shape}, not {values.shape}")
        return (values + slopes * point).astype(values.dtype)

    return gradient


def check_point(point: Any, theta: Any, number: int) -> Any:
    """Return the new point as an array; another shape or type, or a number that is not finite, ends the run."""
    where = f"step {number}"
    array = check_real_array(point, "an array", where) if hasattr(point, "__array__") else point
    if not isinstance(array, np.ndarray):
        raise FatalFault("type", f"it returns {type(point).__name__} where an array is due, in {where}")
    if array.shape != theta.shape:
        raise FatalFault("shape", f"it returns shape {array.shape} where {theta.shape} is due, in {where}")
    if not np.all(np.isfinite(array)):
        coordinate = int(np.argmin(np.isfinite(array)))
        raise FatalFault("not-finite", f"it returns {array.flat[coordinate]} in {where}, coordinate {coordinate}")
    return array


def retention_faults(implementation: Implementation, config: RunConfig, run: OptimizerRun) -> list[Fault]:
    """Return the fault of an optimizer whose state changes when the caller writes the next gradient where the last one stood."""
    dtype = run.points.dtype.type
    if run.takes_gradient_function:
        return []
    in_one_buffer = visit_points(implementation, run.fixture, config, dtype, one_buffer=True)[0].points
    if np.array_equal(in_one_buffer, run.points):
        return []
    if not np.array_equal(visit_points(implementation, run.fixture, config, dtype)[0].points, run.points):
        return [Fault("nondeterministic", "two runs with the same inputs differ", fatal=False)]
    detail = "it keeps the caller's gradient instead of its values: writing the next one changes its state"
    return [Fault("retains-input", detail, fatal=False)]


def dead_coordinate_faults(implementation: Implementation, config: RunConfig, dtype: Any, kind: str = VECTOR) -> list[Fault]:
    """Return the fault of an optimizer that divides by 0 where a gradient is 0 from the start, although its eps is not."""
    if config.hyper.get("eps") == 0:
        return []
    try:
        dead = fixtures()["dead-coordinate"]
        visit_points(implementation, dead.part((0, 1, 1, 0), shape=(2, 2)) if kind == MATRIX else dead, config, dtype)
    except FatalFault as problem:
        if problem.fault.kind != "not-finite":
            return [problem.fault]
        return [Fault("not-finite", f"{problem.fault.detail}, where the gradient is 0 from the start", fatal=False)]
    return []
