"""`@formula(id)`: it registers a function as the formula of a catalogue id, and returns it with validation in front."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar, cast, runtime_checkable

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


@runtime_checkable
class Formula(Protocol[P, R_co]):
    """A validated formula. `raw` is the function as written, which the other arithmetics, the mutants and the readers see."""

    id: str
    raw: Callable[..., Any]
    initial: Callable[..., Any] | None  # of the first point and, for some, settings: the state before the first step
    __name__: str
    __module__: str

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Validate the arguments against their domains, evaluate, and check that finite arguments give a finite result."""
        ...


FORMULAS: dict[str, Formula[..., Any]] = {}


def formula(identifier: str, *, initial: Callable[..., Any] | None = None) -> Callable[[Callable[P, R_co]], Formula[P, R_co]]:
    """Return a decorator that registers a function as the formula of this catalogue id; a second one of the same id or name is refused.

    A formula that takes a state and returns the next one says by `initial` how the first one is made.
    """

    def register(raw: Callable[P, R_co]) -> Formula[P, R_co]:
        @functools.wraps(raw)
        def validated(*args: P.args, **kwargs: P.kwargs) -> R_co:
            from .validation import call_validated  # the domains load at the first call, not at import

            return cast("R_co", call_validated(raw, args, kwargs))

        registered = cast("Formula[P, R_co]", validated)
        registered.id, registered.raw, registered.initial = identifier, raw, initial
        names = {known.id for known in FORMULAS.values()} | {known.__name__ for known in FORMULAS.values()}
        if clash := {identifier, registered.__name__} & names:
            raise ValueError(f"formula {identifier!r} ({registered.__name__}): {', '.join(sorted(clash))} is registered already")
        FORMULAS[identifier] = registered
        return registered

    return register


def initial_state(identifier: str, start: Any, **settings: Any) -> Any:
    """Return the state before the first step of a formula; settings that it does not depend on are ignored.

    `start` is the point where an optimizer or an average starts, the learning rate of a plateau, an array of as many units as a layer has.
    The state of Rprop needs `size`, the length of the first step.
    """
    initial = FORMULAS[identifier].initial
    if initial is None:
        raise ValueError(f"formula {identifier!r} has no state")
    names = inspect.signature(initial).parameters
    return initial(start, **{name: value for name, value in settings.items() if name in names})
