"""Second-order methods beside SciPy's own, on the points that SciPy visits; and linear algebra on every arithmetic that has it."""

import numpy as np
import pytest
import sympy as sp
from flint import arb
from scipy import optimize
from trainspec.reference import curvature, tree_map
from trainspec.spec.arithmetic import Ball, Differential, Rational, Refused, Running, Symbolic, Undecided, tensor
from trainspec.spec.arithmetic.running import Bounded, error
from trainspec.spec.evidence import judge

UNIT = 2.0**-53
START = np.array([-1.2, 1.0, 0.8])


def visited(method, **options):
    """The points that a method of SciPy visits on Rosenbrock's valley, the gradients there, and what it returns."""
    points = [START]
    result = optimize.minimize(
        optimize.rosen, START, jac=optimize.rosen_der, method=method, callback=lambda x: points.append(np.array(x)), options=options
    )
    return points, [optimize.rosen_der(x) for x in points], result


def pairs(points, grads):
    """The steps and changes of gradient between recorded points."""
    return np.diff(points, axis=0), np.diff(grads, axis=0)


def off_line(step, direction):
    """The sine of the angle between a recorded step and a direction."""
    across = step - (step @ direction) / (direction @ direction) * direction
    return np.linalg.norm(across) / np.linalg.norm(step)


# --- SciPy -------------------------------------------------------------------------------------------------------------------------


def scipys_update(inverse, step, change):
    """SciPy's order of operations: two full products."""
    rho = 1 / (change @ step)
    eye = np.eye(len(START))
    left, right = eye - np.linalg.outer(step, change) * rho, eye - np.linalg.outer(change, step) * rho
    return left @ (inverse @ right) + rho * np.linalg.outer(step, step)


def test_bfgs_is_scipys_within_rounding():
    points, grads, result = visited("BFGS", maxiter=8)
    ours, theirs = (Running(np.eye(len(START))) for _ in range(2))
    inverse = np.eye(len(START))
    for before, after, change in zip(points, points[1:], np.diff(grads, axis=0), strict=False):
        step = after - before  # SciPy has the step itself, of which the point is a rounded sum
        known = Running.wrap(np.array([Bounded(s, 2 * UNIT * abs(x)) for s, x in zip(step, after, strict=True)], dtype=object))
        inverse = curvature.bfgs.raw(inverse, step, change)
        ours, theirs = curvature.bfgs.raw(ours, known, Running(change)), scipys_update(theirs, known, Running(change))
    bound = error(ours) + error(theirs)
    assert np.all(np.abs(inverse - result.hess_inv) <= bound)
    assert np.all(bound < 2.0**-10 * np.max(np.abs(inverse)))


def test_bfgs_steps_lie_along_its_own_direction():
    points, grads, _ = visited("BFGS")
    inverse = np.eye(len(START))
    sines, rivals = [], []
    for k, (step, change) in enumerate(zip(*pairs(points, grads), strict=True)):
        sines.append(off_line(step, -inverse @ grads[k]))
        rivals.append(off_line(step, -grads[k]))
        inverse = curvature.bfgs(*map(np.array, ((inverse + inverse.T) / 2, step, change)))
    assert len(sines) > 10
    assert np.median(sines) < 2.0**-20 * np.median(rivals)


def scipys_two_loops(vector, steps, changes):
    """SciPy's order of operations: reciprocals of the products first."""
    rhos, shares = [1 / np.sum(s * y) for s, y in zip(steps, changes, strict=True)], {}
    for k in reversed(range(len(rhos))):
        shares[k] = rhos[k] * (steps[k] @ vector)
        vector = vector - shares[k] * changes[k]
    for k, rho in enumerate(rhos):
        vector = vector + steps[k] * (shares[k] - rho * (changes[k] @ vector))
    return vector


def test_lbfgs_is_scipys_on_its_own_pairs_within_rounding():
    _, _, result = visited("L-BFGS-B", maxcor=5, maxiter=12)
    steps, changes = result.hess_inv.sk, result.hess_inv.yk
    assert len(steps) == 5
    for grad in np.eye(len(START)):
        data = [Running(part) for part in (grad, steps, changes)]
        bound = error(curvature.lbfgs_direction.raw(*data, scale=Running(1.0))) + error(scipys_two_loops(*data))
        assert np.all(np.abs(curvature.lbfgs_direction(grad, steps, changes, scale=1.0) + result.hess_inv.matvec(grad)) <= bound)


def test_lbfgs_steps_lie_along_the_two_loops_with_the_usual_scale():
    points, grads, _ = visited("L-BFGS-B", maxcor=4)
    steps, changes = pairs(points, grads)
    by_memory = {m: [] for m in (1, 3, 4, 5)}
    for k in range(6, len(steps)):
        for memory, sines in by_memory.items():
            window = slice(k - memory, k)
            scale = curvature.lbfgs_scale(steps[k - 1], changes[k - 1])
            sines.append(off_line(steps[k], curvature.lbfgs_direction(grads[k], steps[window], changes[window], scale=float(scale))))
    assert len(by_memory[4]) > 5
    best = min(by_memory, key=lambda memory: np.median(by_memory[memory]))
    assert best == 4
    assert np.median(by_memory[4]) < 2.0**-20 * min(np.median(by_memory[m]) for m in (1, 3, 5))


def test_cg_steps_follow_polak_ribiere_plus():
    points, grads, _ = visited("CG")
    shares = {
        "fletcher_reeves": lambda new, old, along: curvature.fletcher_reeves(new, old),
        "polak_ribiere_plus": lambda new, old, along: curvature.polak_ribiere_plus(new, old),
        "hestenes_stiefel": curvature.hestenes_stiefel,
        "dai_yuan": curvature.dai_yuan,
    }
    sines = {name: [] for name in shares}
    along = -grads[0]
    for k in range(1, len(points) - 1):
        step = points[k + 1] - points[k]
        for name, share in shares.items():
            sines[name].append(off_line(step, float(share(grads[k], grads[k - 1], along)) * along - grads[k]))
        along = float(shares["polak_ribiere_plus"](grads[k], grads[k - 1], along)) * along - grads[k]
    medians = {name: np.median(values) for name, values in sines.items()}
    best, second = sorted(medians, key=medians.get)[:2]
    assert len(points) > 10
    assert best == "polak_ribiere_plus"
    assert medians[best] < 2.0**-20 * medians[second]


# --- validation --------------------------------------------------------------------------------------------------------------------


def test_no_optimal_step_without_positive_curvature():
    grad = np.array([1.0, 1.0])
    for saddle in (np.diag([1.0, -1.0]), np.diag([-1.0, -2.0]), np.zeros((2, 2))):
        for formula in (curvature.optimal_step, curvature.break_even_step):
            with pytest.raises(ValueError, match=r"hessian must be symmetric and positive along grad, got \[\["):
                formula(grad, saddle)


def test_a_pair_without_positive_curvature_is_refused():
    x = np.array([1.0, 2.0])
    with pytest.raises(ValueError, match=r"grad_change must be positive along step, got"):
        curvature.bfgs(np.eye(2), x, -x)
    with pytest.raises(ValueError, match=r"grad_changes must be positive along steps, got"):
        curvature.lbfgs_direction(x, np.stack([x, x]), np.stack([x, -x]), scale=1.0)


def test_conjugate_gradients_want_a_positive_definite_matrix():
    x = np.array([1.0, 2.0])
    with pytest.raises(ValueError, match=r"hessian must be symmetric and positive definite, got"):
        curvature.conjugate_gradient(x, curvature.ConjugateState(x, -x), np.diag([1.0, 0.0]))


def test_conjugate_gradients_end_where_the_gradient_is_zero():
    x = np.zeros(2)
    with pytest.raises(ValueError, match="not finite"):
        curvature.conjugate_gradient(x, curvature.ConjugateState(x, x), np.eye(2))


# --- linear algebra on the arithmetics ---------------------------------------------------------------------------------------------

SYSTEM, RIGHT = [[2, 1], [1, 3]], [3, 4]


@pytest.mark.parametrize("kind", [Rational, Ball, Symbolic])
def test_solve_where_there_is_one(kind):
    assert judge(kind(SYSTEM) @ np.linalg.solve(kind(SYSTEM), kind(RIGHT)), kind(RIGHT)).verdict in ("holds", "unknown")
    assert judge(np.linalg.solve(kind([[2, 0], [0, 4]]), kind([[2, 4], [8, 4]])), kind([[1, 2], [2, 1]])).verdict == "holds"


@pytest.mark.parametrize("kind", [Rational, Ball, Symbolic, np.array])
def test_a_singular_matrix_is_numpys_error(kind):
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.solve(kind([[1.0, 2.0], [2.0, 4.0]]), kind([1.0, 1.0]))
    point = np.ones(2)
    with pytest.raises(np.linalg.LinAlgError, match=r"newton\(\): singular matrix"):
        curvature.newton(point, point, np.array([[1.0, 2.0], [2.0, 4.0]]))


def test_a_ball_that_may_be_singular_is_undecided():
    with pytest.raises(Undecided, match="determinant"):
        np.linalg.solve(Ball.wrap(np.array([[arb(0, 1)]], dtype=object)), Ball([1]))


@pytest.mark.parametrize("kind", [Running, Differential])
def test_solve_where_there_is_none(kind):
    with pytest.raises(Refused, match=r"linalg\.solve"):
        np.linalg.solve(kind([[1]]), kind([1]))


def test_outer_is_columns_times_rows():
    for kind in (Rational, Ball, Symbolic):
        assert judge(np.linalg.outer(kind([1, 2]), kind([3, 4])), kind([[3, 4], [6, 8]])).verdict == "holds"


def test_products_of_symbolic_length_peel():
    size = sp.Symbol("m", integer=True, nonnegative=True)
    longer, shorter = tensor("w", size + 1), tensor("w", size)
    last = tree_map(lambda t: type(t)(t.at(size + 1)), longer)
    assert judge(np.prod(longer), np.prod(shorter) * last).verdict == "holds"
    assert judge(np.prod(longer), np.prod(shorter)).verdict == "refuted"
    assert judge(np.prod(2 * shorter), np.prod(shorter) * 2**size).verdict == "holds"
    with pytest.raises(Refused, match="one axis"):
        np.prod(tensor("w", size, size))
