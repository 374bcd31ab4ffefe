"""`@formula(id)`: the equation's number. It registers the raw function and puts the door, which validates, in front of it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Formula(Generic[P, R]):
    """A formula behind its door. `raw` is the function as written: what the other arithmetics, the mutants and the readers see."""

    def __init__(self, identifier: str, raw: Callable[P, R]) -> None:
        functools.update_wrapper(self, raw)
        self.id = identifier
        self.raw = raw
        self.__name__: str = raw.__name__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Check the arguments against their domains, evaluate, and check that finite arguments gave a finite result."""
        from ._door import enter  # the domains load at the first call, not at import

        result: R = enter(self.raw, args, kwargs)
        return result

    def __repr__(self) -> str:
        return f"<formula {self.id}: {self.__module__}.{self.__name__}>"


FORMULAS: dict[str, Formula[..., Any]] = {}


def formula(identifier: str) -> Callable[[Callable[P, R]], Formula[P, R]]:
    """Register a function as the formula of this catalogue id; a second one of the same id or name is refused."""

    def register(raw: Callable[P, R]) -> Formula[P, R]:
        taken = {one.id for one in FORMULAS.values()} | {one.__name__ for one in FORMULAS.values()}
        if clash := {identifier, raw.__name__} & taken:
            raise ValueError(f"formula {identifier!r} ({raw.__name__}): {', '.join(sorted(clash))} is registered already")
        FORMULAS[identifier] = numbered = Formula(identifier, raw)
        return numbered

    return register
