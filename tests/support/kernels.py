"""The kernels of `trainspec.fast`, calls of them, and what tests compare: used by the tests of the kernels and by the benchmarks."""

import importlib
import inspect
import itertools
import math

import numpy as np
from trainspec import fast
from trainspec.fast._elementwise.kernel import ElementwiseKernel
from trainspec.fast._loops.kernel import ComponentKernel, LoopKernel
from trainspec.fast._threads import CHUNK_BYTES
from trainspec.reference import tree_leaves, tree_map
from trainspec.reference.limits import Above, AtLeast, AtMost, IndexInto, OneOf
from trainspec.reference.validation import domains
from trainspec.spec.arithmetic import Ball, certified, rounding_bound

DTYPES = [np.float32, np.float64]
PER_CHUNK = {dtype: CHUNK_BYTES // np.dtype(dtype).itemsize for dtype in DTYPES}  # entries that a thread takes at a time


def kernels_of(kind):
    """Kernels of one kind, by name: the function, and the reference's formula, which of a value and its gradient is made of two."""
    functions = {}
    for chapter in fast.CHAPTERS:
        module = importlib.import_module(f"trainspec.fast.{chapter}")
        reference = importlib.import_module(f"trainspec.reference.{chapter}")
        for name in module.__all__:
            function = getattr(module, name)
            if isinstance(getattr(function, "kernel", None), kind):
                functions[name] = function, getattr(function.kernel, "reference", None) or getattr(reference, name)
    return functions


ELEMENTWISE = kernels_of(ElementwiseKernel)
LOOP_KERNELS = kernels_of(LoopKernel)
WHOLE = [name for name, (function, _) in LOOP_KERNELS.items() if not isinstance(function.kernel, ComponentKernel)]
COMPONENTS = [name for name in LOOP_KERNELS if name not in WHOLE]
WITH_GRADIENT_FUNCTION = [name for name, (function, _) in ELEMENTWISE.items() if function.point]
GIVEN_GRADIENT = [name for name in ELEMENTWISE if name not in WITH_GRADIENT_FUNCTION]
ROUNDED_OTHERWISE = [  # their bits are those of their IR: they multiply by reciprocals, or have functions of their own
    name for name, (function, _) in ELEMENTWISE.items() if function.kernel.options["reciprocals"] or function.kernel.ir.own_functions
]

# --- calls of elementwise kernels --------------------------------------------------------------------------

HYPERPARAMETERS = {
    **{"lr": 0.01, "momentum": 0.9, "decay": 0.9, "beta1": 0.9, "beta1_next": 0.91, "beta2": 0.999, "weight_decay": 0.01, "share": 0.3},
    **{"eps": 1e-8, "eps_root": 1e-12, "eps_grad": 1e-6, "eps_step": 1e-6, "weight": 0.3, "t": 3, "models": 2},
    **{"beta3": 0.99, "slow_weight": 5.0, "final_lr": 0.1, "convergence": 0.001, "clip_exponent": 0.25, "curvature_scale": 0.05},
    **{"grow": 1.2, "shrink": 0.5, "smallest": 1e-6, "largest": 50.0, "norm": 70.0},
    **{"beta": 0.5, "threshold": 20.0, "alpha": 1.5, "scale": 1.25, "limit": 7.0, "negative_slope": 0.25},
}


@np.errstate(all="ignore")
def gradient_function(point):
    return point * point - 3 * point


def build_argument(domain, name, array):
    """An argument of a domain, its arrays from array(domain)."""
    if domain.kind == "state":
        return domain.hint(*(build_argument(inner, field, array) for field, inner in domain.fields.items()))
    return {"array": lambda: array(domain), "function": lambda: gradient_function}.get(domain.kind, lambda: HYPERPARAMETERS[name])()


def satisfy_limits(domain, numbers, rng):
    """Numbers that the limits allow."""
    for limit in domain.limits:
        if isinstance(limit, OneOf):
            return rng.choice(limit.numbers, numbers.shape)
    tops = [limit for limit in domain.limits if isinstance(limit, AtMost)]
    bottoms = [limit for limit in domain.limits if isinstance(limit, AtLeast | Above) and limit != AtLeast(-1)]
    numbers = numbers / (1 + np.abs(numbers)) if tops else numbers
    return np.abs(numbers) if bottoms else numbers


def elementwise_call(name, shape, dtype=np.float32, seed=0, size=None, **changed):
    """The arguments of one call of an elementwise kernel, by name: their entries of this size, or of many sizes."""
    rng = np.random.default_rng(seed)

    def array(domain):
        wide = rng.standard_normal(shape) * (size or 10.0 ** rng.integers(-3, 4, shape))
        return np.asarray(satisfy_limits(domain, wide, rng), dtype)

    return {key: build_argument(domain, key, array) for key, domain in domains(ELEMENTWISE[name][1].raw).items()} | changed


def expected(name, values):
    """What an elementwise kernel returns, to the last bit: the reference, or where it rounds otherwise, its IR taken by NumPy."""
    function, formula = ELEMENTWISE[name]
    ir = function.kernel.ir
    with np.errstate(all="ignore"):
        if name not in ROUNDED_OTHERWISE:
            return formula.raw(**values)
        old, read, numbers = ir.unpack_arguments(*values.values())
        constants, counters = ir.constants(*numbers)
        return ir.pack_result(ir.update_entry(*old, *read, *constants), counters)


def expected_validated(name, values):
    """The same, as the reference's validation lets it pass, or its error."""
    function, formula = ELEMENTWISE[name]
    result = formula(**values)
    valid = (
        dict(zip(values, function.kernel.coerce_arguments(tuple(values.values())), strict=True)) if name in ROUNDED_OTHERWISE else values
    )
    return expected(name, valid) if name in ROUNDED_OTHERWISE else result


def in_place_out(name, values):
    """The `out` that writes every result over what it updates."""
    ir = ELEMENTWISE[name][0].kernel.ir
    old, *_ = ir.unpack_arguments(*values.values())
    return ir.pack_result(old, [0] * 9)


# --- calls of loop kernels ---------------------------------------------------------------------------------

ARGUMENTS = {  # that are no arrays
    **{"eps": 1e-5, "momentum": 0.9, "correction": 0.5, "r_max": 1.5, "d_max": 0.5, "groups": 2},
    **{"smoothing": 0.25, "threshold": 1.5, "reduction": "none", "half": True, "iterations": 3},
}
CHOICES = {"reduction": ("none", "mean", "sum"), "half": (True, False)}  # all that some of them may be
SMALL = {  # lengths of axes, by name
    **{"m": 5, "k": 7, "batch": 5, "inputs": 3, "outputs": 7, "examples": 5, "classes": 7, "d": 7},
    **{"n": 5, "c": 4, "h": 2, "w": 3, "samples": 9, "clusters": 4, "*batch": (2, 3), "*shape": (5, 7)},
}
LARGE = {  # from where on threads are made
    **{"m": 300, "k": 400, "batch": 50, "inputs": 300, "outputs": 400, "examples": 9000, "classes": 3, "d": 3},
    **{"n": 30, "c": 6, "h": 20, "w": 30, "samples": 3000, "clusters": 3, "*batch": (3, 1000), "*shape": (300, 40)},
}
IMAGES = ("n", "c", "h", "w")


def build_loop_argument(domain, key, axes, array):
    """An argument of a domain, its arrays from array(name, shape, domain)."""
    if domain.kind == "state":
        return domain.hint(*(build_loop_argument(inner, field, axes, array) for field, inner in domain.fields.items()))
    if domain.kind == "array":
        lengths = [axes[axis] for axis in domain.hint.dim_str.split()]
        return array(key, tuple(n for length in lengths for n in (length if isinstance(length, tuple) else (length,))), domain)
    return ARGUMENTS[key]


def variants_of(name):
    """Every combination of the arguments that are neither arrays nor real numbers."""
    keys = [key for key in domains(LOOP_KERNELS[name][1].raw) if key in CHOICES]
    return [dict(zip(keys, values, strict=True)) for values in itertools.product(*(CHOICES[key] for key in keys))]


def loop_call(name, axes=SMALL, dtype=np.float32, seed=0, size=None, **changed):
    """The arguments of one call of a loop kernel, by name: their entries of this size, or of many sizes."""
    rng = np.random.default_rng(seed)
    stated = domains(LOOP_KERNELS[name][1].raw)

    def array(key, shape, domain):
        if domain.whole:
            (index,) = (limit for limit in domain.limits if isinstance(limit, IndexInto))
            return rng.integers(0, axes[stated[index.argument].axes[index.axis]], shape)
        numbers = rng.standard_normal(shape) * (size or 10.0 ** rng.integers(-2, 3, shape))
        return np.asarray(satisfy_limits(domain, numbers, rng), dtype)

    return {key: build_loop_argument(domain, key, axes, array) for key, domain in stated.items()} | changed


# --- comparing ---------------------------------------------------------------------------------------------


def arrays_of(value):
    """The arrays of a result or of a call, in order."""
    leaves = tree_leaves(tuple(value.values()) if isinstance(value, dict) else value)
    return [leaf for leaf in leaves if isinstance(leaf, np.ndarray | np.floating)]


def map_arrays(value, change):
    """The same call or result with its arrays changed."""
    if isinstance(value, dict):
        return {key: map_arrays(part, change) for key, part in value.items()}
    return tree_map(lambda leaf: change(leaf) if isinstance(leaf, np.ndarray) else leaf, value)


def in_format(values, dtype):
    """The same call in another format."""
    return map_arrays(values, lambda array: array.astype(dtype) if array.dtype.kind == "f" else array)


def bit_patterns(value):
    """All of a result that can be told apart; an array without axes is a number."""
    return [(np.shape(leaf), leaf.dtype, np.asarray(leaf).tobytes()) if hasattr(leaf, "dtype") else leaf for leaf in tree_leaves(value)]


def assert_identical(got, wanted):
    """Made alike, and equal to the last bit."""
    assert type(got) is type(wanted) or not isinstance(wanted, tuple)
    assert bit_patterns(got) == bit_patterns(wanted)


def outcome(function, values):
    """The type and message of an error, or the bits of a result."""
    try:
        return bit_patterns(function(**values))
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        return type(error), str(error)


def expected_outcome(name, values):
    """The same of the reference, for an elementwise kernel; what a formula says that it calls, the kernel says by its own name."""
    kind, *rest = result = outcome(lambda **values: expected_validated(name, values), values)
    return (kind, f"{name}(){rest[0].partition('()')[2]}") if isinstance(result, tuple) else result


def assert_same_signature(function, formula):
    """The formula's arguments and results, and `out`; of a normalization also whether statistics are saved, or those that were."""
    parameters = dict(inspect.signature(function).parameters)
    options = [parameters.pop(name) for name in ("out", "save", "saved") if name == "out" or name in parameters]
    assert all((option.kind, option.default) == (option.KEYWORD_ONLY, None) for option in options)
    assert list(parameters.values()) == list(inspect.signature(formula.raw).parameters.values())
    assert inspect.signature(function).return_annotation == inspect.signature(formula.raw).return_annotation


def errors_in_bounds(function, formula, values, dtype):
    """Yield how far each result is from the certified value, in units of what rounding explains."""
    got = tree_leaves(function(**values))
    exact = tree_leaves(certified(formula.raw, **values, dtype=dtype))
    bounds = tree_leaves(rounding_bound(formula.raw, **values, dtype=dtype))
    for result, ball, bound in zip(got, exact, bounds, strict=True):
        distances = [float(abs(entry).upper()) for entry in Ball.object_array(Ball(result) - ball).ravel()]
        distance = np.array(distances).reshape(np.shape(bound))
        yield np.max(np.where(distance == 0, 0, distance / np.where(bound == 0, np.finfo(float).tiny, bound)), initial=0)


def all_finite(values):
    """Of symbols, which are not known to be: in no lane something is not finite."""
    return np.zeros(np.shape(values[0]), bool)


# --- layouts, and arguments that must be refused -------------------------------------------------------------


def strided(array):
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)[..., ::2]
    wide[...] = array
    return wide


def unaligned(array):
    memory = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    memory[...] = array
    return memory


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def backwards(array):
    return array[::-1].copy()[::-1]


LAYOUTS = {"strided": strided, "reversed": backwards, "fortran": np.asfortranarray, "unaligned": unaligned, "read-only": read_only}


def with_entry(index, number):
    return lambda array: np.where(np.arange(array.size).reshape(array.shape) == index, np.float32(number), array)


BAD_ARRAYS = {
    "list": list,
    "integers": lambda array: np.ones(array.shape, np.int64),
    "booleans": lambda array: np.ones(array.shape, bool),
    "complex": lambda array: array.astype(np.complex64),
    "objects": lambda array: array.astype(object),
    "subclass": lambda array: array.view(np.memmap),
    "masked": np.ma.masked_array,
    "none": lambda array: None,
    "another dtype": lambda array: array.astype(np.float64),
    "another order": lambda array: array.astype(">f4"),
    "shape": lambda array: np.ones(array.size + 1, np.float32),
    "axes": lambda array: array[:, None].copy(),
    "empty": lambda array: np.ones(0, np.float32),
    "nan": with_entry(1, np.nan),
    "inf": with_entry(3, np.inf),
    "minus inf": with_entry(0, -np.inf),
    "negative": lambda array: -1 - np.abs(array),
    "huge": lambda array: np.full(array.shape, 3e38, np.float32),
    "huge and negative": lambda array: np.full(array.shape, -3e38, np.float32),
}
BAD_NUMBERS = (0.0, -0.1, 1.0, 1e300, 1 + 1e-12, math.nan, math.inf, True, "0.1", 1j, None, np.full(4, 0.1), -1, 1.5)
