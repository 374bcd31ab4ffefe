"""`@formula(id)`: the equation's number. It registers the raw function and puts the door, which validates, in front of it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar, cast, runtime_checkable

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


@runtime_checkable
class Formula(Protocol[P, R_co]):
    """A formula behind its door. `raw` is the function as written: what the other arithmetics, the mutants and the readers see."""

    id: str
    raw: Callable[..., Any]
    __name__: str
    __module__: str

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Check the arguments against their domains, evaluate, and check that finite arguments gave a finite result."""
        ...


FORMULAS: dict[str, Formula[..., Any]] = {}


def formula(identifier: str) -> Callable[[Callable[P, R_co]], Formula[P, R_co]]:
    """Register a function as the formula of this catalogue id; a second one of the same id or name is refused."""

    def register(raw: Callable[P, R_co]) -> Formula[P, R_co]:
        @functools.wraps(raw)
        def behind_the_door(*args: P.args, **kwargs: P.kwargs) -> R_co:
            from .validation import enter  # the domains load at the first call, not at import

            return cast("R_co", enter(raw, args, kwargs))

        numbered = cast("Formula[P, R_co]", behind_the_door)
        numbered.id, numbered.raw = identifier, raw
        taken = {one.id for one in FORMULAS.values()} | {one.__name__ for one in FORMULAS.values()}
        if clash := {identifier, numbered.__name__} & taken:
            raise ValueError(f"formula {identifier!r} ({numbered.__name__}): {', '.join(sorted(clash))} is registered already")
        FORMULAS[identifier] = numbered
        return numbered

    return register
