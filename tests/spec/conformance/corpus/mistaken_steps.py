"""Optimizers with one mistake in their text: a correct step of each family, and what is written in the place of what."""

import numpy as np  # noqa: F401 - the sources read it

STEPS = {
    "Adam": """
class Adam:
    def __init__(self, theta, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        self.theta, self.beta1, self.beta2, self.eps = theta.copy(), beta1, beta2, eps
        self.m, self.v, self.t = np.zeros_like(theta), np.zeros_like(theta), 0

    def step(self, grad, lr):
        self.t += 1
        self.m = self.beta1 * self.m + (1 - self.beta1) * grad
        self.v = self.beta2 * self.v + (1 - self.beta2) * grad**2
        first = self.m / (1 - self.beta1**self.t)
        second = self.v / (1 - self.beta2**self.t)
        self.theta = self.theta - lr * first / (np.sqrt(second) + self.eps)
        return self.theta
""",
    "RMSProp": """
class RMSProp:
    def __init__(self, theta, lr=0.01, decay=0.9, eps=1e-6):
        self.theta, self.decay, self.eps = theta.copy(), decay, eps
        self.mean_sq, self.t = np.zeros_like(theta), 0

    def step(self, grad, lr):
        self.t += 1
        self.mean_sq = self.decay * self.mean_sq + (1 - self.decay) * grad**2
        self.theta = self.theta - lr * grad / (np.sqrt(self.mean_sq) + self.eps)
        return self.theta
""",
    "CenteredRMSProp": """
class CenteredRMSProp:
    def __init__(self, theta, lr=0.01, decay=0.9, eps=1e-6):
        self.theta, self.decay, self.eps = theta.copy(), decay, eps
        self.mean_sq, self.mean = np.zeros_like(theta), np.zeros_like(theta)

    def step(self, grad, lr):
        self.mean_sq = self.decay * self.mean_sq + (1 - self.decay) * grad**2
        self.mean = self.decay * self.mean + (1 - self.decay) * grad
        variance = np.maximum(self.mean_sq - self.mean**2, 0)
        self.theta = self.theta - lr * grad / np.sqrt(variance + self.eps)
        return self.theta
""",
    "AdaGrad": """
class AdaGrad:
    def __init__(self, theta, lr=0.01, eps=1e-6):
        self.theta, self.eps = theta.copy(), eps
        self.total, self.t = np.zeros_like(theta), 0

    def step(self, grad, lr):
        self.t += 1
        self.total = self.total + grad**2
        self.theta = self.theta - lr * grad / (np.sqrt(self.total) + self.eps)
        return self.theta
""",
    "HeavyBall": """
class HeavyBall:
    def __init__(self, theta, lr=0.01, momentum=0.9):
        self.theta, self.momentum = theta.copy(), momentum
        self.velocity, self.t = np.zeros_like(theta), 0

    def step(self, grad, lr):
        self.t += 1
        self.velocity = self.momentum * self.velocity + grad
        self.theta = self.theta - lr * self.velocity
        return self.theta
""",
    "AdaDelta": """
class AdaDelta:
    def __init__(self, theta, decay=0.95, eps=1e-6):
        self.theta, self.decay, self.eps = theta.copy(), decay, eps
        self.mean_sq, self.mean_sq_step = np.zeros_like(theta), np.zeros_like(theta)

    def step(self, grad, lr):
        self.mean_sq = self.decay * self.mean_sq + (1 - self.decay) * grad**2
        step = -np.sqrt(self.mean_sq_step + self.eps) / np.sqrt(self.mean_sq + self.eps) * grad
        self.mean_sq_step = self.decay * self.mean_sq_step + (1 - self.decay) * step**2
        self.theta = self.theta + step
        return self.theta
""",
    "AdamW": """
class AdamW:
    def __init__(self, theta, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
        self.theta, self.beta1, self.beta2, self.eps, self.weight_decay = theta.copy(), beta1, beta2, eps, weight_decay
        self.m, self.v, self.t = np.zeros_like(theta), np.zeros_like(theta), 0

    def step(self, grad, lr):
        self.t += 1
        self.theta = self.theta - lr * self.weight_decay * self.theta
        self.m = self.beta1 * self.m + (1 - self.beta1) * grad
        self.v = self.beta2 * self.v + (1 - self.beta2) * grad**2
        first = self.m / (1 - self.beta1**self.t)
        second = self.v / (1 - self.beta2**self.t)
        self.theta = self.theta - lr * first / (np.sqrt(second) + self.eps)
        return self.theta
""",
}

ADAM_ROOT, ROOT = "(np.sqrt(second) + self.eps)", "(np.sqrt(self.mean_sq) + self.eps)"
TOTAL_ROOT = "(np.sqrt(self.total) + self.eps)"
FIRST, SECOND = "self.beta1 * self.m + (1 - self.beta1) * grad", "self.beta2 * self.v + (1 - self.beta2) * grad**2"
MEAN_SQ = "self.decay * self.mean_sq + (1 - self.decay) * grad**2"
VELOCITY = "self.momentum * self.velocity + grad"

MISTAKES = [  # a step, what is written there, and what in its place
    # powers around the root, and no root
    ("Adam", ADAM_ROOT, "(second + self.eps)"),
    ("Adam", ADAM_ROOT, "(second + self.eps)**2"),
    ("Adam", ADAM_ROOT, "(second**2 + self.eps)"),
    ("Adam", ADAM_ROOT, "(second**0.25 + self.eps)"),
    ("Adam", ADAM_ROOT, "(np.cbrt(second) + self.eps)"),
    ("RMSProp", ROOT, "(self.mean_sq + self.eps)**2"),
    ("RMSProp", ROOT, "(self.mean_sq + self.eps)"),
    ("RMSProp", ROOT, "(np.sqrt(self.mean_sq) + self.eps)**2"),
    ("RMSProp", ROOT, "np.sqrt(np.sqrt(self.mean_sq) + self.eps)"),
    ("AdaGrad", TOTAL_ROOT, "(self.total + self.eps)"),
    ("AdaGrad", TOTAL_ROOT, "(self.total + self.eps)**2"),
    ("CenteredRMSProp", "np.sqrt(variance + self.eps)", "(variance + self.eps)"),
    ("AdaDelta", "np.sqrt(self.mean_sq + self.eps)", "(self.mean_sq + self.eps)"),
    ("AdaDelta", "np.sqrt(self.mean_sq_step + self.eps)", "(self.mean_sq_step + self.eps)"),
    # eps ignored, scaled, doubled, elsewhere, in two places
    ("Adam", ADAM_ROOT, "(np.sqrt(second) + 1e-3)"),
    ("Adam", ADAM_ROOT, "(np.sqrt(second) + 2 * self.eps)"),
    ("Adam", ADAM_ROOT, "(np.sqrt(second) + lr * self.eps)"),
    ("Adam", ADAM_ROOT, "(np.sqrt(second + self.eps) + self.eps)"),
    ("Adam", "lr * first /", "lr * (first + self.eps) /"),
    ("Adam", "self.theta - lr", "self.theta + self.eps - lr"),
    ("Adam", SECOND, SECOND + " + self.eps"),
    ("Adam", ADAM_ROOT, "(np.sqrt(second) - self.eps)"),
    ("Adam", ADAM_ROOT, "np.maximum(np.sqrt(second), self.eps)"),
    ("Adam", SECOND, SECOND.replace("grad**2", "(grad + self.eps)**2")),
    ("Adam", SECOND, SECOND.replace("grad**2", "(grad**2 + self.eps)")),
    ("RMSProp", ROOT, "(np.sqrt(self.mean_sq) + 2 * self.eps)"),
    ("RMSProp", ROOT, "(np.sqrt(self.mean_sq + self.eps) + self.eps)"),
    ("RMSProp", MEAN_SQ, MEAN_SQ + " + self.eps"),
    ("RMSProp", ROOT, "np.maximum(np.sqrt(self.mean_sq), self.eps)"),
    ("RMSProp", "self.mean_sq = " + MEAN_SQ, "grad = grad + self.eps\n        self.mean_sq = " + MEAN_SQ),
    ("AdaGrad", TOTAL_ROOT, "(np.sqrt(self.total) + 2 * self.eps)"),
    ("AdaGrad", "self.total + grad**2", "self.total + grad**2 + self.eps"),
    ("AdaGrad", TOTAL_ROOT, "(np.sqrt(self.total + self.eps) + self.eps)"),
    ("AdaDelta", "np.sqrt(self.mean_sq_step + self.eps)", "np.sqrt(self.mean_sq_step)+ self.eps"),
    ("AdaDelta", "np.sqrt(self.mean_sq + self.eps)", "np.sqrt(self.mean_sq)"),
    # a constant factor
    ("Adam", "lr * first", "2 * lr * first"),
    ("Adam", "lr * first", "0.5 * lr * first"),
    ("Adam", "(1 - self.beta2) * grad**2", "(1 - self.beta2) * 0.5 * grad**2"),
    ("Adam", "lr * first", "0.9 * lr * first"),
    ("HeavyBall", "lr * self.velocity", "2 * lr * self.velocity"),
    ("HeavyBall", "+ grad", "+ 0.5 * grad"),
    ("RMSProp", "lr * grad", "lr * grad / 2"),
    ("AdaGrad", "self.total + grad**2", "self.total + 2 * grad**2"),
    # weights of an average
    ("Adam", FIRST, "(1 - self.beta1) * self.m + self.beta1 * grad"),
    ("Adam", SECOND, "(1 - self.beta2) * self.v + self.beta2 * grad**2"),
    ("RMSProp", MEAN_SQ, "(1 - self.decay) * self.mean_sq + self.decay * grad**2"),
    ("Adam", "(1 - self.beta2) * grad**2", "(1 - self.beta1) * grad**2"),
    ("Adam", "(1 - self.beta1) * grad", "(1 - self.beta2) * grad"),
    ("Adam", FIRST, "self.m + (1 - self.beta1) * grad"),
    ("Adam", SECOND, "self.v + grad**2"),
    ("RMSProp", MEAN_SQ, "self.mean_sq + (1 - self.decay) * grad**2"),
    # an argument that is ignored
    ("Adam", "lr * first", "0.001 * first"),
    ("Adam", FIRST, "0.9 * self.m + 0.1 * grad"),
    ("Adam", SECOND, "0.999 * self.v + 0.001 * grad**2"),
    ("HeavyBall", VELOCITY, "0.9 * self.velocity + grad"),
    ("RMSProp", MEAN_SQ, "0.9 * self.mean_sq + 0.1 * grad**2"),
    ("HeavyBall", VELOCITY, "grad"),
    # counters
    ("Adam", "self.t += 1", "self.t += 2"),
    ("Adam", "self.t += 1", "self.t = 1"),
    ("Adam", "self.t += 1", "self.t = self.t + 1 if self.t < 5 else 5"),
    ("Adam", "self.t += 1", "self.t = self.t + 1 if self.t < 8 else 1"),
    ("Adam", "self.t += 1", "self.t += 3"),
    ("Adam", "first = self.m / (1 - self.beta1**self.t)", "first = self.m / (1 - self.beta1**(2 * self.t))"),
    ("Adam", "self.beta1**self.t", "self.beta1*self.t"),
    ("Adam", "second = self.v / (1 - self.beta2**self.t)", "second = self.v * (1 - self.beta2**self.t)"),
    ("Adam", "first = self.m / (1 - self.beta1**self.t)", "first = self.m * (1 - self.beta1**self.t)"),
    # state that is not kept, or corrected in place
    ("Adam", "first = self.m", "first = self.m = self.m"),
    ("Adam", "second = self.v", "second = self.v = self.v"),
    ("Adam", FIRST, "(1 - self.beta1) * grad"),
    ("Adam", SECOND, "(1 - self.beta2) * grad**2"),
    ("Adam", SECOND, "grad**2"),
    ("RMSProp", MEAN_SQ, "(1 - self.decay) * grad**2"),
    ("AdaGrad", "self.total + grad**2", "grad**2"),
    ("AdaGrad", "self.total = self.total + grad**2", "self.total = np.sqrt(self.total + grad**2)"),
    ("RMSProp", "self.theta = self.theta - lr", "self.mean_sq = np.sqrt(self.mean_sq)\n        self.theta = self.theta - lr"),
    # the first step
    ("HeavyBall", VELOCITY, VELOCITY + " if self.t > 1 else 0 * grad"),
    ("HeavyBall", VELOCITY, VELOCITY + " if self.t > 1 else (1 - self.momentum) * grad"),
    ("Adam", FIRST, FIRST + " if self.t > 1 else grad"),
    ("Adam", SECOND, SECOND + " if self.t > 1 else grad**2"),
    ("RMSProp", MEAN_SQ, MEAN_SQ + " if self.t > 1 else grad**2"),
    ("AdaGrad", "lr * grad", "(lr if self.t > 1 else 0) * grad"),
    ("Adam", "self.theta = self.theta - lr", "lr = lr if self.t > 1 else 0\n        self.theta = self.theta - lr"),
    # hyper-parameters that are cut
    ("HeavyBall", VELOCITY, "int(self.momentum) * self.velocity + grad"),
    ("HeavyBall", VELOCITY, "round(self.momentum, 1) * self.velocity + grad"),
    ("Adam", ADAM_ROOT, "(np.sqrt(second) + int(self.eps))"),
    ("Adam", FIRST, "int(self.beta1) * self.m + (1 - int(self.beta1)) * grad"),
    # the sign, the gradient, the state
    ("Adam", SECOND, SECOND.replace("grad**2", "self.m**2")),
    ("Adam", "grad**2", "np.abs(grad)"),
    ("Adam", "lr * first", "lr * grad"),
    ("Adam", "lr * first", "lr * self.m"),
    ("Adam", ADAM_ROOT, "(np.sqrt(self.v) + self.eps)"),
    ("Adam", "lr * first", "lr * np.sign(first)"),
    ("HeavyBall", VELOCITY, "self.momentum * (self.velocity + grad)"),
    ("HeavyBall", VELOCITY, "self.momentum * self.velocity - grad"),
    ("CenteredRMSProp", "self.mean_sq - self.mean**2", "self.mean_sq - self.mean"),
    ("CenteredRMSProp", "self.mean_sq - self.mean**2", "self.mean_sq + self.mean**2"),
    ("CenteredRMSProp", "(1 - self.decay) * grad\n", "(1 - self.decay) * grad**2\n"),
    ("AdaDelta", "step**2", "step"),
    ("AdaDelta", "(1 - self.decay) * step**2", "step**2"),
    ("AdaDelta", "self.theta + step", "self.theta - step"),
    # decay of the weights
    ("AdamW", "lr * self.weight_decay * self.theta", "lr * self.weight_decay"),
    ("AdamW", "lr * self.weight_decay * self.theta", "self.weight_decay * self.theta"),
    ("AdamW", "lr * self.weight_decay * self.theta", "lr * self.weight_decay * self.theta**2"),
    ("AdamW", "lr * self.weight_decay * self.theta", "lr * self.weight_decay * np.sign(self.theta)"),
    ("AdamW", "self.theta - lr * self.weight_decay * self.theta", "self.theta + lr * self.weight_decay * self.theta"),
    ("AdamW", "lr * self.weight_decay * self.theta", "lr * self.weight_decay * grad"),
    ("AdamW", ADAM_ROOT, "(np.sqrt(second) + 2 * self.eps)"),
    ("AdamW", ADAM_ROOT, "(np.sqrt(second + self.eps) + self.eps)"),
    ("AdamW", "self.t += 1", "self.t += 2"),
]


def mistaken_optimizer(step, written, instead):
    """Return the class of a step with one mistake, as a class of this module by the name of the step."""
    assert written in STEPS[step], (step, written)
    exec(STEPS[step].replace(written, instead), globals())
    return globals()[step]
