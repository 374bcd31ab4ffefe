"""Optimizers of several arrays, in groups, with missing gradients, in place and resumed: right ones conform, and mistakes are named."""

import numpy as np
import pytest
from trainspec.spec.conformance import Verdict

from .corpus.correct_optimizers import LarsOfPorts
from .corpus.misbehaving_optimizers import HeavyBall
from .helpers import assert_told_of_arrays, check_in_process

pytestmark = pytest.mark.sampled(5)


class ListAdam:
    """Adam over a list of arrays, which it updates in place, with groups for nothing, and a state that can be saved."""

    def __init__(self, params, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.params, self.lr, self.beta1, self.beta2, self.eps = params, lr, beta1, beta2, eps
        self.m, self.v, self.t = [np.zeros_like(p) for p in params], [np.zeros_like(p) for p in params], 0

    def step(self, grads):
        self.t += 1
        for k, grad in enumerate(grads):
            if grad is not None:
                self.move(k, grad)

    def move(self, k, grad):
        self.m[k] = self.beta1 * self.m[k] + (1 - self.beta1) * grad
        self.v[k] = self.beta2 * self.v[k] + (1 - self.beta2) * grad**2
        m_hat, v_hat = self.m[k] / (1 - self.beta1**self.t), self.v[k] / (1 - self.beta2**self.t)
        self.params[k] -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)

    def state_dict(self):
        return {"m": self.m, "v": self.v, "t": self.t}

    def load_state_dict(self, state):
        self.m, self.v, self.t = state["m"], state["v"], state["t"]


class ReturnsNewArrays(ListAdam):
    def step(self, grads):
        self.params = [param.copy() for param in self.params]
        super().step(grads)
        return tuple(self.params)


class TakesADict(ListAdam):
    """The same of a dict of arrays that is handed over at every step."""

    def __init__(self, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        super().__init__({}, lr, beta1, beta2, eps)
        self.m, self.v = {}, {}

    def step(self, params, grads):
        self.params, self.t = params, self.t + 1
        for name, grad in grads.items():
            self.m.setdefault(name, np.zeros_like(grad))
            self.v.setdefault(name, np.zeros_like(grad))
            self.move(name, grad)


class Updates:
    """The same optimizer with another name for its step."""

    def __init__(self, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.optimizer = TakesADict(lr, beta1, beta2, eps)
        self.lr = lr

    def update(self, params, grads):
        self.optimizer.lr = self.lr
        self.optimizer.step(params, grads)


class SharesItsCounter(ListAdam):
    def step(self, grads):
        for k, grad in enumerate(grads):
            if grad is not None:
                self.t += 1
                self.move(k, grad)


class DropsTheLast(ListAdam):
    def step(self, grads):
        super().step(grads[: max(1, len(grads) - 1)])


class TakesTheFirstGradient(ListAdam):
    def step(self, grads):
        shapes = [grad.shape for grad in grads]
        super().step([grads[shapes.index(shape)] for shape in shapes])


class SkipsTheWrongArray(ListAdam):
    """Its gradients move up where one is missing."""

    def step(self, grads):
        self.t += 1
        for k, grad in enumerate([grad for grad in grads if grad is not None]):
            self.move(k, np.resize(grad, self.params[k].shape))


class LosesItsStep(ListAdam):
    def load_state_dict(self, state):
        self.m, self.v = state["m"], state["v"]


class LosesItsState(ListAdam):
    def load_state_dict(self, state):
        pass


class TransposesMatrices(HeavyBall):
    def move(self, g, lr):
        self.v = self.v * self.momentum + (g.reshape(g.shape[::-1]).T if g.ndim == 2 else g)
        self.theta = self.theta - lr * self.v


class InPlace(HeavyBall):
    def __init__(self, theta, **hyper):
        super().__init__(theta, **hyper)
        self.theta = theta

    def move(self, g, lr):
        self.v = self.momentum * self.v + g
        self.theta -= lr * self.v


class InPlaceAndSilent(InPlace):
    def step(self, grad, lr):
        self.move(grad, lr)


class PairOfParts:
    """Gradient descent whose order of operations depends on the shape of the array."""

    @staticmethod
    def init(theta):
        return ()

    @staticmethod
    def update(grad, state, theta, lr):
        return (theta - lr * grad if theta.ndim == 1 else 3 * (theta / 3 - lr * (grad / 3))), state


RIGHT = {
    ListAdam: ("several arrays", "gradients that are None", "resuming from a saved state"),
    ReturnsNewArrays: ("several arrays", "gradients that are None", "resuming from a saved state"),
    TakesADict: ("several arrays", "gradients that are None", "resuming from a saved state"),
    Updates: ("several arrays", "gradients that are None"),
    InPlace: ("arrays of other shapes",),
    InPlaceAndSilent: ("arrays of other shapes",),
}


@pytest.mark.parametrize("implementation", RIGHT)
def test_right_ones_conform(implementation):
    result = check_in_process(implementation)
    assert (result.verdict, result.faults) == (Verdict.CONFORMS, ()), result.message
    assert result.tried == RIGHT[implementation], result.message
    assert not set(result.tried) & set(result.not_tried)


def test_parts_of_an_array_move_as_the_whole_unless_a_step_has_norms():
    assert check_in_process(ListAdam).sharded == "bit for bit"
    with_norms = check_in_process(LarsOfPorts)
    assert (with_norms.verdict, with_norms.sharded) == (Verdict.CONFORMS, "by design not"), with_norms.message
    assert "of parts of an array it is another step, by design" in with_norms.message
    assert check_in_process(PairOfParts).sharded == "up to rounding"


WRONG = {
    SharesItsCounter: "the second of 6 arrays, a matrix of shape (2, 3), moves as at step 2: the step counter is shared between arrays",
    DropsTheLast: "the sixth of 6 arrays, a vector of shape (5,), does not move",
    TakesTheFirstGradient: "the sixth of 6 arrays, a vector of shape (5,), moves by the gradient of the first",
    SkipsTheWrongArray: "beside an array whose gradient is None the third of 3 arrays, a vector of shape (5,), moves otherwise",
    LosesItsStep: "after it is saved and restored it goes on with another count: its t is 0 where it was 9",
    LosesItsState: "after it is saved and restored it goes on as at the first step: all of its state is lost",
    TransposesMatrices: "with arrays of other shapes, a matrix of shape (2, 3) moves otherwise",
}


@pytest.mark.parametrize("implementation", WRONG)
def test_mistakes_are_named(implementation):
    result = check_in_process(implementation)
    assert_told_of_arrays(result, WRONG[implementation])
    assert result.situation in result.tried
    assert "But with " in check_in_process(implementation, command="identify").message
