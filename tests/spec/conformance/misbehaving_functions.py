"""Functions that misbehave, and the fault that must be reported. Each claims to be the batch's statistics."""

import os
import random
import time

import numpy as np


def stats(x):
    return x.mean(0), x.var(0)


def hangs(x):
    time.sleep(1000)


def crashes(x):
    os._exit(7)


def raises(x):
    raise KeyError("nothing")


def prints(x):
    print("a batch")
    return stats(x)


def mutates(x):
    mean = x.mean(0)
    x -= mean
    return mean, (x * x).mean(0)


def view(x):
    return x[0], x.var(0)


def seeds(x):
    random.seed(0)
    np.random.seed(0)
    return stats(x)


def shape(x):
    return x.mean(0, keepdims=True), x.var(0)


def dtype(x):
    return x.mean(0).astype(np.float16), x.var(0)


def structure(x):
    return x.mean(0), x.var(0), x


def type(x):
    return None, x.var(0)


def refuses_one_alone(x):
    if len(x) < 2:
        raise ValueError("too small")
    return stats(x)


def settings(x, axis):
    return x.mean(axis), x.var(axis)
