"""Steps that keep their hyper-parameters and their state in one dictionary."""

import numpy as np
import pytest
from trainspec.spec.conformance import check
from trainspec.spec.conformance.dictionary import AskedDictionary, adapt_dictionary_step, argument_order, call
from trainspec.spec.conformance.implementation import REQUIRED

MODULE = "tests.spec.conformance.test_dictionary"


def sgd(w, dw, config=None):
    config = {} if config is None else config
    config.setdefault("learning_rate", 1e-2)
    w -= config["learning_rate"] * dw
    return w, config


def sgd_in_place(weights, grads, config):
    weights -= config["lr"] * grads


def momentum(w, dw, config=None):
    velocity = config.get("velocity", np.zeros_like(w))
    config["velocity"] = config.get("momentum", 0.9) * velocity - config["learning_rate"] * dw
    return w + config["velocity"], config


def rmsprop(dw, w, config):
    config.setdefault("decay_rate", 0.99)
    config["cache"] = config["decay_rate"] * config.get("cache", 0 * w) + (1 - config["decay_rate"]) * dw**2
    return config, w - config.setdefault("learning_rate", 1e-2) * dw / (np.sqrt(config["cache"]) + config.setdefault("epsilon", 1e-8))


def adam(w, dw, config=None):
    if not config:
        config = {}
    for name, default in {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "t": 0}.items():
        config.setdefault(name, default)
    config["t"] += 1
    config["m"] = config["beta1"] * config.get("m", np.zeros_like(w)) + (1 - config["beta1"]) * dw
    config["v"] = config["beta2"] * config.get("v", np.zeros_like(w)) + (1 - config["beta2"]) * dw**2
    mean, variance = config["m"] / (1 - config["beta1"] ** config["t"]), config["v"] / (1 - config["beta2"] ** config["t"])
    return w - config["learning_rate"] * mean / (np.sqrt(variance) + config["epsilon"]), config


def adam_that_counts_late(w, dw, config):
    """The first step is made with the count 0 + 2."""
    config["t"] = max(config.get("t", 0), 1)
    return adam(w, dw, config)


def adam_without_correction(w, dw, config):
    config["t"] = 10**6
    return adam(w, dw, config)


@pytest.mark.parametrize(
    ("step", "convention"),
    [
        (sgd, "gradient-descent"),
        (sgd_in_place, "gradient-descent"),
        (momentum, "heavy-ball/lr-inside"),
        (rmsprop, "rmsprop"),
        (adam, "adam"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_right_steps_conform(step, convention):
    result = check(f"{MODULE}:{step.__name__}")
    assert (result.verdict, result.convention) == ("conforms", convention), result


@pytest.mark.parametrize(
    ("step", "words"),
    [(adam_that_counts_late, "t one too large"), (adam_without_correction, "uncorrected")],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_wrong_step_is_named(step, words):
    result = check(f"{MODULE}:{step.__name__}", against="adam")
    assert result.verdict != "conforms"
    assert words in str(result), result


def test_hyper_parameters_are_those_that_are_asked_for():
    assert adapt_dictionary_step(adam, "").parameters == {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
    assert adapt_dictionary_step(momentum, "").parameters == {"momentum": 0.9, "learning_rate": REQUIRED}
    asked = AskedDictionary()
    with pytest.raises(KeyError):
        asked["velocity"]
    assert asked.defaults == {}


def without_a_rate(w, dw, config):
    return w - dw, config


def of_another_shape(w, dw, config):
    return config["lr"] * w[:1] - dw[:1], config


def with_a_rate_of_its_own(w, dw, lr):
    return w - lr * dw


def of_two_arrays(x, target, config):
    return config["lr"] * (x - target), config


@pytest.mark.parametrize("function", [without_a_rate, of_another_shape, with_a_rate_of_its_own, of_two_arrays])
def test_other_functions_are_no_such_step(function):
    assert adapt_dictionary_step(function, "") is None


def test_a_step_with_a_third_result_is_refused():
    with pytest.raises(TypeError, match="3 values"):
        call(lambda w, dw, config: (w, dw, config), argument_order(adam), {"theta": 1.0, "grad": 2.0, "dictionary": {}})
