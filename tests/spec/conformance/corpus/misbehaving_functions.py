"""Functions that misbehave, with the fault that must be reported. Each claims to be the batch's statistics."""

import os
import random
import time

import numpy as np

CASES = []


def with_fault(kind):
    def register(function):
        function.fault = kind
        CASES.append(function)
        return function

    return register


def stats(x):
    return x.mean(0), x.var(0)


@with_fault("timeout")
def hangs(x):
    time.sleep(1000)


@with_fault("timeout")
def computes_for_ever(x):
    while True:
        x = x + 1


@with_fault("crashes")
def crashes(x):
    os._exit(7)


@with_fault("crashes")
def ends_quietly(x):
    os._exit(0)


@with_fault("prints")
def prints(x):
    print("a batch")
    return stats(x)


@with_fault("raises")
def raises(x):
    raise KeyError("nothing")


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("no text")


@with_fault("raises")
def raises_what_cannot_be_printed(x):
    raise Unprintable


@with_fault("raises")
def raises_a_long_text(x):
    raise ValueError("long \ud800 \x1b[31m" * 10**6)


@with_fault("mutates-input")
def mutates(x):
    mean = x.mean(0)
    x -= mean
    return mean, (x * x).mean(0)


@with_fault("returns-view")
def view(x):
    return x[0], x.var(0)


@with_fault("modifies-global-rng")
def seeds(x):
    random.seed(0)
    np.random.seed(0)
    return stats(x)


@with_fault("nondeterministic")
def noisy(x):
    return x.mean(0) + np.random.default_rng().random(x.shape[1]), x.var(0)


@with_fault("shape")
def shape(x):
    return x.mean(0, keepdims=True), x.var(0)


@with_fault("dtype")
def dtype(x):
    return x.mean(0).astype(np.float16), x.var(0)


@with_fault("structure")
def structure(x):
    return x.mean(0), x.var(0), x


@with_fault("type")
def nothing(x):
    return None, x.var(0)


@with_fault("type")
def objects(x):
    return x.mean(0).astype(object), x.var(0)


@with_fault("type")
def words(x):
    return x.mean(0).astype(str), x.var(0)


@with_fault("complex")
def imaginary(x):
    return x.mean(0) + 1j, x.var(0)


@with_fault("masked")
def masked(x):
    return np.ma.masked_less(x.mean(0), 10), x.var(0)


class Unconvertible:
    def __array__(self, dtype=None, copy=None):
        raise TypeError("it cannot be converted")


@with_fault("raises")
def unconvertible(x):
    return Unconvertible(), x.var(0)


@with_fault("settings")
def asks_for_more(x, axis):
    return x.mean(axis), x.var(axis)


def refuses_one_alone(x):
    if len(x) < 2:
        raise ValueError("too small")
    return stats(x)


IN_A_SANDBOX = ("timeout", "crashes", "prints")
