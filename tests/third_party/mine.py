"""Optimizers of somebody who uses the checks: one as it should be, two that are not."""

import numpy as np


class MyAdam:
    """Adam, in place."""

    def __init__(self, theta, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.theta = theta.copy()
        self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps
        self.m, self.v, self.t = np.zeros_like(theta), np.zeros_like(theta), 0

    def step(self, grad, lr=None):
        """One step."""
        self.t += 1
        self.m += (1 - self.beta1) * (grad - self.m)
        self.v += (1 - self.beta2) * (grad * grad - self.v)
        rate = (self.lr if lr is None else lr) / (1 - self.beta1**self.t)
        self.theta -= rate * self.m / (np.sqrt(self.v / (1 - self.beta2**self.t)) + self.eps)
        return self.theta


class WithoutEps(MyAdam):
    """The same, which divides by 0 where a gradient has always been 0."""

    def step(self, grad, lr=None):
        """One step."""
        self.t += 1
        self.m += (1 - self.beta1) * (grad - self.m)
        self.v += (1 - self.beta2) * (grad * grad - self.v)
        rate = (self.lr if lr is None else lr) / (1 - self.beta1**self.t)
        self.theta -= rate * self.m / np.sqrt(self.v / (1 - self.beta2**self.t))
        return self.theta


class Chatty(MyAdam):
    """The same, which prints."""

    def step(self, grad, lr=None):
        """One step."""
        print("step", self.t)
        return super().step(grad, lr)
