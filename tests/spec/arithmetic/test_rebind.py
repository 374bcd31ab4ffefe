"""The same code objects on other array libraries agree with NumPy's exact values within the rounding bound."""

import types

import numpy as np
import pytest
from hypothesis import given, settings
from trainspec.reference import FORMULAS, momentum, quadratic, tree_leaves, tree_map
from trainspec.reference.validation import domains
from trainspec.spec.arithmetic import Undecided, certified, rebind, rounding_bound
from trainspec.spec.inputs.strategies import arguments

from .test_running import NO_BOUND, within

CHAPTERS = [momentum, quadratic]
FORMS = {f.id: f for f in FORMULAS.values() if f.__module__ in {chapter.__name__ for chapter in CHAPTERS}}

CUMSUM = "np.cumsum without an axis: the standard names it cumulative_sum, torch asks for its axis"
SCALAR = "np.sqrt, np.abs and np.maximum of a Python number: the library's take arrays only"
STACK = "np.stack of Python numbers: the library's takes arrays only"
ON_NUMBERS = dict.fromkeys(
    [
        "optimizers.nesterov.two_sequence",
        "quadratic.momentum.complex_rate",
        "quadratic.momentum.monotone",
        "quadratic.momentum.oscillation",
        "quadratic.momentum.critical_damping",
        "quadratic.momentum.optimal",
        "quadratic.momentum.optimal_rate",
        "quadratic.momentum.heuristic",
        "nesterov.faster_than_momentum",
        "nesterov.strongly_convex_rate",
    ],
    SCALAR,
) | {"quadratic.momentum.transition": STACK}
NEVER = {"momentum.unrolled": CUMSUM, "momentum.infinite_sum": CUMSUM}

# what does not run, and why: with Python numbers for hyper-parameters, and with arrays without axes in their place
FAILS = {
    "array_api_strict": {"numbers": ON_NUMBERS | NEVER, "arrays": NEVER},
    "torch": {"numbers": ON_NUMBERS | NEVER, "arrays": NEVER},
    "jax": {"numbers": {}, "arrays": {}},
}


@pytest.fixture(params=FAILS)
def library(request):
    """The name of a library and its namespace; array-api-strict is a dependency of the tests, the others are peers."""
    if request.param == "array_api_strict":
        import array_api_strict

        yield request.param, array_api_strict
    elif request.param == "torch":
        pytest.importorskip("torch")
        yield request.param, pytest.importorskip("array_api_compat.torch")
    else:
        jax = pytest.importorskip("jax")
        before = jax.config.jax_enable_x64
        jax.config.update("jax_enable_x64", True)
        yield request.param, jax.numpy
        jax.config.update("jax_enable_x64", before)


def given_to(xp, value, kind):
    """Arrays as the library's; numbers too where they are to be arrays; integers and functions as they are."""

    def one(x):
        return xp.asarray(np.asarray(x)) if isinstance(x, np.ndarray) or (kind == "arrays" and isinstance(x, float)) else x

    return tree_map(one, value)


def back(value):
    return [float(x) for leaf in tree_leaves(value) for x in np.ravel(np.from_dlpack(leaf) if hasattr(leaf, "__dlpack__") else leaf)]


def check(xp, space, form, values, kind):
    """The rebound formula lies within the rounding bound of the certified values; True if there is a bound."""
    got = back(getattr(space, form.__name__)(**{name: given_to(xp, value, kind) for name, value in values.items()}))
    if form.id in NO_BOUND:
        assert np.allclose(got, back(form.raw(**values)), rtol=1e-12) or min(map(abs, np.linalg.eigvalsh(values["hessian"]))) < 1e-9
        return True
    try:
        bounds = [float(x) for leaf in tree_leaves(rounding_bound(form.raw, **values)) for x in np.ravel(leaf)]
        exact = [x for leaf in tree_leaves(certified(form.raw, **values)) for x in np.ravel(np.asarray(leaf))]
    except (Undecided, ZeroDivisionError):
        return False
    for x, true, bound in zip(got, exact, bounds, strict=True):
        within(x, true, bound)
    return True


def spaces(xp):
    return {chapter.__name__: rebind(chapter, xp) for chapter in CHAPTERS}


@pytest.mark.parametrize("kind", ["numbers", "arrays"])
@pytest.mark.parametrize("identifier", FORMS)
def test_a_rebound_formula_agrees_or_is_known_to_fail(library, identifier, kind):
    name, xp = library
    form, seen = FORMS[identifier], []
    space = spaces(xp)[form.__module__]

    @settings(max_examples=1 if identifier in FAILS[name][kind] else 5)
    @given(values=arguments(domains(form.raw)))
    def run(values):
        if identifier in FAILS[name][kind]:
            with pytest.raises((TypeError, ValueError, AttributeError)):
                check(xp, space, form, values, kind)
            seen.append(True)
            return
        with np.errstate(all="ignore"):
            seen.append(check(xp, space, form, values, kind))

    run()
    assert any(seen)


def test_the_list_of_failures_names_formulas():
    assert all(set(kinds[kind]) <= set(FORMS) for kinds in FAILS.values() for kind in kinds)
    assert all(reason for kinds in FAILS.values() for kind in kinds.values() for reason in kind.values())


def test_a_rebound_formula_has_the_code_object_of_the_reference():
    import array_api_strict

    for chapter, space in zip(CHAPTERS, spaces(array_api_strict).values(), strict=True):
        assert space.np is array_api_strict
        for form in FORMS.values():
            if form.__module__ == chapter.__name__:
                clone = getattr(space, form.__name__)
                assert clone.__code__ is form.raw.__code__
                assert clone.__kwdefaults__ == form.raw.__kwdefaults__
                assert clone.__defaults__ == form.raw.__defaults__
                assert clone.__globals__["np"] is array_api_strict
    assert momentum.np is np


def test_rebinding_reaches_the_functions_that_a_formula_calls():
    module = types.ModuleType("chapter")
    exec("import numpy as np\ndef inner(x, *, by=2): return np.sqrt(x) * by\ndef outer(x): return inner(x)", vars(module))
    module.inner.__module__ = module.outer.__module__ = "chapter"
    space = rebind(module, types.SimpleNamespace(sqrt=lambda x: -x))
    assert space.outer(9.0) == -18
    assert module.outer(9.0) == 6


def test_a_mutant_of_a_formula_is_caught():
    """Another convention, lr in the wrong place, lies outside the bound."""
    import array_api_strict

    wrong = types.SimpleNamespace(heavy_ball=rebind(momentum, array_api_strict).heavy_ball_lr_outside)
    values = {"theta": np.array([1.0]), "grad": np.array([0.3]), "velocity": np.array([0.7]), "lr": 0.1, "momentum": 0.9}
    with pytest.raises(AssertionError):
        check(array_api_strict, wrong, momentum.heavy_ball, values, "numbers")
