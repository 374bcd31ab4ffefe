"""Parameter groups of plain classes, as a list of dicts: right ones conform, and what a group takes from another one is named."""

import numpy as np
import pytest
from trainspec.spec.conformance import Verdict

from .helpers import assert_told_of_arrays, check_in_process

pytestmark = pytest.mark.sampled(5)

SEVERAL, NONE, GROUPS, RESUMED = "several arrays", "gradients that are None", "parameter groups", "resuming from a saved state"


class GroupedAdam:
    """Adam over a list of arrays, or over groups of them; subclasses make one mistake."""

    def __init__(self, params, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        defaults = {"lr": lr, "beta1": beta1, "beta2": beta2, "eps": eps}
        groups = params if isinstance(params[0], dict) else [{"params": params}]
        self.param_groups = [{**defaults, **group} for group in groups]
        self.states = [{"m": 0 * p, "v": 0 * p, "t": 0} for group in self.param_groups for p in group["params"]]

    def step(self, grads):
        number = 0
        for group in self.param_groups:
            for param in group["params"]:
                if grads[number] is not None:
                    self.move(param, grads[number], self.states[number], group)
                number += 1

    def move(self, param, grad, state, group):
        state["t"] += 1
        state["m"] = group["beta1"] * state["m"] + (1 - group["beta1"]) * grad
        state["v"] = group["beta2"] * state["v"] + (1 - group["beta2"]) * grad**2
        m_hat, v_hat = state["m"] / (1 - group["beta1"] ** state["t"]), state["v"] / (1 - group["beta2"] ** state["t"])
        param[...] -= group["lr"] * m_hat / (np.sqrt(v_hat) + group["eps"])

    def state_dict(self):
        return {"states": self.states}

    def load_state_dict(self, saved):
        self.states = saved["states"]


class TakesGroupsOnly(GroupedAdam):
    """It makes new arrays, and takes a list of gradients for each group."""

    def __init__(self, groups, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        if not all(isinstance(group["params"], list) for group in groups):
            raise TypeError(groups)
        super().__init__(groups, lr, beta1, beta2, eps)

    def step(self, grads):
        for group in self.param_groups:
            group["params"] = [param.copy() for param in group["params"]]
        super().step([grad for row in grads for grad in row])


class KeepsItsRates(GroupedAdam):
    """Its learning rates are those of the start, and stand in no group."""

    def __init__(self, params, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        super().__init__(params, lr, beta1, beta2, eps)
        self.rates = [group.pop("lr") for group in self.param_groups]

    def move(self, param, grad, state, group):
        super().move(param, grad, state, {**group, "lr": self.rates[[other is group for other in self.param_groups].index(True)]})


class TakesADictWithoutMissingGradients:
    """Adam over a dict of arrays, in which a gradient may be left out."""

    def __init__(self, params, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.params, self.lr, self.own = params, lr, {"beta1": beta1, "beta2": beta2, "eps": eps}
        self.states = {name: {"m": 0 * p, "v": 0 * p, "t": 0} for name, p in params.items()}

    def step(self, grads):
        for name, grad in grads.items():
            GroupedAdam.move(self, self.params[name], grad + 0.0, self.states[name], {"lr": self.lr, **self.own})


class FirstRate(GroupedAdam):
    def move(self, param, grad, state, group):
        super().move(param, grad, state, {**group, "lr": self.param_groups[0]["lr"]})


class FirstRateForGood(KeepsItsRates):
    def move(self, param, grad, state, group):
        GroupedAdam.move(self, param, grad, state, {**group, "lr": self.rates[0]})


class FirstBeta(GroupedAdam):
    def move(self, param, grad, state, group):
        super().move(param, grad, state, {**group, "beta2": self.param_groups[0]["beta2"]})


class FirstGroupOnly(GroupedAdam):
    def step(self, grads):
        for param, grad, state in zip(self.param_groups[0]["params"], grads, self.states, strict=False):
            if grad is not None:
                self.move(param, grad, state, self.param_groups[0])


class DropsTheLastOfAGroup(GroupedAdam):
    def step(self, grads):
        number = 0
        for group in self.param_groups:
            for k, param in enumerate(group["params"]):
                if grads[number] is not None and (k == 0 or k + 1 < len(group["params"])):
                    self.move(param, grads[number], self.states[number], group)
                number += 1


class CountsEveryGroup(GroupedAdam):
    """Its counter goes up with every group: one group alone is right."""

    t = 0

    def step(self, grads):
        number = 0
        for group in self.param_groups:
            self.t += 1
            for param in group["params"]:
                if grads[number] is not None:
                    self.move(param, grads[number], {**self.states[number], "t": self.t - 1}, group, self.states[number])
                number += 1

    def move(self, param, grad, state, group, kept):
        super().move(param, grad, state, group)
        kept.update(m=state["m"], v=state["v"])


class LosesItsStep(GroupedAdam):
    def load_state_dict(self, saved):
        self.states = [{**state, "t": 0} for state in saved["states"]]


RIGHT = {
    GroupedAdam: (SEVERAL, NONE, GROUPS, RESUMED),
    TakesGroupsOnly: (SEVERAL, NONE, GROUPS, RESUMED),
    KeepsItsRates: (SEVERAL, NONE, GROUPS, RESUMED),
    TakesADictWithoutMissingGradients: (SEVERAL, NONE),
}


@pytest.mark.parametrize("implementation", RIGHT)
def test_right_ones_conform(implementation):
    result = check_in_process(implementation)
    assert (result.verdict, result.faults) == (Verdict.CONFORMS, ()), result.message
    assert result.tried == RIGHT[implementation], result.message
    assert {reason.partition(" (")[0] for reason in result.not_tried} == {SEVERAL, NONE, GROUPS, RESUMED} - set(result.tried)


WRONG = {
    FirstRate: "with parameter groups, the array of the second group has the learning rate of the first group",
    FirstRateForGood: "with parameter groups, the array of the second group has the learning rate of the first group",
    FirstBeta: "with parameter groups, the array of the second group has beta2 of the first group",
    FirstGroupOnly: "with parameter groups, the array of the second group does not move",
    CountsEveryGroup: "the array of the second group moves as at step 2: the step counter is shared between groups",
    DropsTheLastOfAGroup: "the sixth of 6 arrays, a vector of shape (5,), does not move",
    LosesItsStep: "after it is saved and restored it moves otherwise",
}


@pytest.mark.parametrize("implementation", WRONG)
def test_mistakes_are_named(implementation):
    result = check_in_process(implementation)
    assert_told_of_arrays(result, WRONG[implementation])
