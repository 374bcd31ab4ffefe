"""Short forms in which the optimizers of the corpus are written: a class from its step."""

import inspect

import numpy as np

FACTS = ("settings", "fault", "faults", "verdict", "only", "follows", "takes_gradient_function")


def facts(axes):
    """Return what is asserted of an implementation, and the rest, which is the axes of its result."""
    known = {name: axes.pop(name) for name in FACTS if name in axes}
    return known | ({} if "follows" in known else {"axes": axes or None})


def optimizer(state="", /, **axes):
    """Return a decorator that makes a class of a step `(self, grad, lr, *, hyper-parameters)`.

    `state` names the arrays that start at 0 ("m v"), or at another number ("h=0.1"); `self.theta` is the point, `self.t` counts from 1.
    What is said of the class: its axes, or `follows`; how it misbehaves and what the verdict is; the settings that it is checked with.
    """

    def make(step):
        first, *others = list(inspect.signature(step).parameters.values())[1:]
        in_constructor = [other.replace(kind=other.POSITIONAL_OR_KEYWORD) for other in others]
        theta = inspect.Parameter("theta", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        signature = inspect.Signature(sorted([theta, *in_constructor], key=lambda parameter: parameter.default is not parameter.empty))
        takes_lr = any(other.name == "lr" for other in others)

        def __init__(self, *args, **kwargs):
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            self.theta, self.t = bound.arguments.pop("theta").copy(), 0
            self.first_lr, self.hyper = bound.arguments.pop("lr", None), bound.arguments
            for name, _, value in (part.partition("=") for part in state.split()):
                setattr(self, name, np.full_like(self.theta, float(value or 0)))

        def with_lr(self, grad, lr=None):
            self.t += 1
            step(self, grad, lr, **self.hyper)
            return self.theta

        def without_lr(self, grad):
            self.t += 1
            step(self, grad, **self.hyper)
            return self.theta

        __init__.__signature__ = signature.replace(
            parameters=[inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD), *signature.parameters.values()]
        )
        members = {
            "__init__": __init__,
            "step": with_lr if takes_lr else without_lr,
            "__module__": step.__module__,
            "__doc__": step.__doc__,
        }
        if first.name == "grad_fn":
            members["takes_gradient_function"] = True
        return type(step.__name__, (), {**members, **facts(axes)})

    return make


def vary(base, name, members=None, /, **axes):
    """Return a subclass with other members and other facts; its module is the caller's."""
    module = inspect.currentframe().f_back.f_globals["__name__"]
    return type(name, (base,), {**(members or {}), **facts(axes), "__module__": module})
