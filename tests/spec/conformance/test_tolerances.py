"""Tolerances for other test suites: right programs are within them in every format and order, wrong ones are not, and are named."""

import inspect
import re

import numpy as np
import pytest
import trainspec
from trainspec import assert_conforms, tolerance
from trainspec.reference import FORMULAS, tree_leaves
from trainspec.reference.adam import AdamState
from trainspec.spec.arithmetic import NARROW, Refused, Undecided, format_of
from trainspec.spec.inputs.cases import cases, in_dtype

from .corpus.correct_functions import CORRECT
from .corpus.incorrect_functions import INCORRECT

X = np.array([[1.5, -2.25, 0.75], [0.5, 3.0, -1.0]])
GAMMA = np.array([1.25, 0.75, 2.0])


def takes_by_name(function):
    """Whether a function takes the formula's arguments by their names, and makes what the formula does."""
    taken, formula = set(inspect.signature(function).parameters), FORMULAS[function.against]
    return (
        not getattr(function, "names", {}) and function.__name__ != "pairwise" and taken == set(inspect.signature(formula.raw).parameters)
    )


RIGHT = [function for function in CORRECT if takes_by_name(function)]
WRONG = [function for function in INCORRECT if takes_by_name(function)]


def outputs(function, arguments, dtype):
    """What a function computes in float32, rounded to a format."""
    with np.errstate(all="ignore"):
        result = tree_leaves(function(**{name: in_dtype(value, np.float32) for name, value in arguments.items()}))
    return [np.asarray(leaf).astype(dtype) if np.asarray(leaf).dtype.kind == "f" else np.asarray(leaf) for leaf in result]


def generic_cases(function, dtype, count):
    """Ordinary arguments of a function, arrays in a format."""
    form = format_of(dtype)
    for case in cases(FORMULAS[function.against])[:count]:
        yield {
            name: form.round(value) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value
            for name, value in case.arguments.items()
        }


@pytest.mark.parametrize("function", RIGHT, ids=lambda function: function.__name__)
def test_right_functions_are_within_half_an_ulp_and_what_float32_adds(function):
    for dtype in NARROW:
        for arguments in generic_cases(function, dtype, 2):
            try:
                assert_conforms(outputs(function, arguments, dtype), function.against, **arguments, dtype=dtype, compute="float32")
            except (Undecided, Refused):
                continue


def test_most_wrong_functions_are_not():
    refused = []
    for function in WRONG[::2]:
        arguments = next(generic_cases(function, "bfloat16", 1))
        try:
            assert_conforms(outputs(function, arguments, "bfloat16"), function.against, **arguments, dtype="bfloat16", compute="float32")
        except AssertionError:
            refused.append(function)
    assert len(refused) > 0.35 * len(WRONG)  # the others are right in this case


def rms_norm(x, gamma, eps):
    return gamma * x / np.sqrt(np.mean(x**2, axis=1, keepdims=True) + eps)


@pytest.mark.parametrize("dtype", NARROW[:2])
def test_each_convention_has_its_own_bound(dtype):
    x, gamma = X.astype(dtype), GAMMA.astype(dtype)
    conventions = [{"compute": "float32", "order": "stated"}, {"compute": "float32"}, {"order": "stated"}, {}, {"accumulate": None}]
    bounds = [np.max(tolerance("norm.rms", x, gamma, eps=0.25, **convention).bound) for convention in conventions]
    assert bounds == sorted(bounds)
    assert len(set(bounds)) == 5
    due = tolerance("norm.rms", x, gamma, eps=0.25, compute="float32")
    half_ulp = format_of(dtype).unit * np.abs(due.expected)
    assert np.all((0.99 * half_ulp < due.bound) & (due.bound < half_ulp / (1 - 2 * format_of(dtype).unit) + 1e-5))
    assert np.max(np.abs(due.expected - rms_norm(x.astype(float), gamma.astype(float), 0.25))) < 1e-14
    assert due.convention == f"computed in float32 and rounded once to {dtype}, operations in any order"


def test_a_message_says_where_by_how_much_and_which_variant():
    x, gamma = X.astype("bfloat16"), GAMMA.astype("bfloat16")
    wrong = gamma.astype(float) * x.astype(float) / (np.sqrt(np.mean(x.astype(float) ** 2, axis=1, keepdims=True)) + 0.25)
    with pytest.raises(AssertionError) as caught:
        assert_conforms(wrong.astype("bfloat16"), "norm.rms", x, gamma, eps=0.25, compute="float32", err_msg="the layer of mine")
    lines = str(caught.value).splitlines()
    assert lines[1:4] == [
        "not norm.rms (computed in float32 and rounded once to bfloat16, operations in any order)",
        "the layer of mine",
        "mismatched elements: 6 / 6 (100 %)",
    ]
    assert re.fullmatch(r"largest error: \d+\.?\d* × what is allowed at index \(0, 0\): 1\.\d+ where 1\.\d+ ± 0\.00\d+ is due", lines[4])
    assert lines[5:] == ["Within the bound of: norm.rms with eps added to the root (norm.rms/eps-outside)."]


@pytest.mark.parametrize(
    ("actual", "words"),
    [
        (np.ones((3, 2)), r"shape \(3, 2\) where \(2, 3\) is due"),
        ((np.ones((2, 3)), np.ones(2)), "2 results where 1 are due"),
        (np.full((2, 3), np.nan), "largest error: inf × what is allowed"),
        (np.full((2, 3), np.inf), "It is no variant of the formula that has a name here"),
    ],
)
def test_what_is_no_such_result_is_said(actual, words):
    with pytest.raises(AssertionError, match=words):
        assert_conforms(actual, "norm.rms", X, GAMMA, eps=0.25)


def test_states_and_whole_numbers_keep_their_structure():
    theta, grad = np.ones(3, np.float32), np.full(3, 0.5, np.float32)
    state = AdamState(0 * theta, 0 * theta, 0)
    hyper = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    due = tolerance("adam", theta, grad, state, **hyper)
    assert isinstance(due.bound[1], AdamState)
    assert (due.expected[1].t, due.bound[1].t, due.rounding.dtype) == (1, 0, "float32")
    adam = FORMULAS["optimizers.adam"]
    assert_conforms(adam(theta, grad, state, **hyper), "adam", theta, grad, state, **hyper)
    new, later = adam(theta, grad, state, **hyper)
    with pytest.raises(AssertionError, match=r"Result 4: largest error: inf × what is allowed: 2\.0 where 1\.0"):
        assert_conforms((new, later._replace(t=2)), "adam", theta, grad, state, **hyper)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"formula": "norm.rmss"}, ValueError, "no formula is called 'norm.rmss'; did you mean norm.rms"),
        ({"order": "every"}, ValueError, r"tolerance\(\): order must be 'any' or 'stated', got 'every'"),
        ({"compute": "float16"}, ValueError, r"tolerance\(\): compute must not be narrower than float64, got float16"),
        ({"dtype": "int8"}, TypeError, "the dtype must be float64, .* got int8"),
        ({"gama": GAMMA}, TypeError, r"rms_norm\(\): .*'gama'"),
    ],
)
def test_what_is_asked_wrongly_is_named(options, error, words):
    formula = options.pop("formula", "norm.rms")
    with pytest.raises(error, match=words):
        tolerance(formula, X, GAMMA, eps=0.25, **options)


def test_arrays_of_two_formats_need_a_dtype():
    with pytest.raises(TypeError, match=r"dtype= must say which is meant, got bfloat16, float64"):
        tolerance("norm.rms", X.astype("bfloat16"), GAMMA, eps=0.25)
    assert tolerance("norm.rms", X.astype("bfloat16"), GAMMA, eps=0.25, dtype="bfloat16").rounding.dtype == "bfloat16"


def test_a_branch_that_rounding_decides_has_no_tolerance():
    with pytest.raises(ArithmeticError):
        tolerance("optimizers.signum", np.ones(2), np.full(2, 0.1), np.full(2, -0.1), lr=0.1, decay=0.5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float32"])
def test_tensors_of_torch_are_taken_as_they_are(dtype):
    torch = pytest.importorskip("torch")
    x, gamma = (torch.tensor(values.astype(np.float32)).to(getattr(torch, dtype)) for values in (X, GAMMA))
    y = torch.nn.functional.rms_norm(x.float(), (3,), gamma.float(), 0.25).to(x.dtype)
    assert_conforms(y.requires_grad_(dtype not in NARROW[2:]), "norm.rms", x, gamma, eps=0.25, compute="float32")
    wrong = y.detach().float()
    wrong[1, 2] *= 1.3
    with pytest.raises(AssertionError, match="elements: 1 / 6"):
        assert_conforms(wrong.to(x.dtype), "norm.rms", x, gamma, eps=0.25, compute="float32")


def test_arrays_of_the_standard_are_taken_as_they_are():
    strict = pytest.importorskip("array_api_strict")
    x, gamma = strict.asarray(X), strict.asarray(GAMMA)
    assert_conforms(strict.asarray(rms_norm(X, GAMMA, 0.25)), "norm.rms", x, gamma, eps=0.25)
    with pytest.raises(TypeError, match="cannot be read as an array"):
        tolerance("norm.rms", type("Lost", (), {"__dlpack__": None, "dtype": "x.float64"})(), GAMMA, eps=0.25)


def test_they_are_names_of_the_package():
    assert trainspec.assert_conforms is assert_conforms
    assert trainspec.tolerance is tolerance
