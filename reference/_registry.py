"""`@formula(id)`: it registers a function as the formula of a catalogue id, and returns it with validation in front."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar, cast, runtime_checkable

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


@runtime_checkable
class Formula(Protocol[P, R_co]):
    """A validated formula. `raw` is the function as written, which the other arithmetics, the mutants and the readers see."""

    id: str
    raw: Callable[..., Any]
    __name__: str
    __module__: str

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Validate the arguments against their domains, evaluate, and check that finite arguments give a finite result."""
        ...


FORMULAS: dict[str, Formula[..., Any]] = {}


def formula(identifier: str) -> Callable[[Callable[P, R_co]], Formula[P, R_co]]:
    """Return a decorator that registers a function as the formula of this catalogue id; a second one of the same id or name is refused."""

    def register(raw: Callable[P, R_co]) -> Formula[P, R_co]:
        @functools.wraps(raw)
        def validated(*args: P.args, **kwargs: P.kwargs) -> R_co:
            from .validation import call_validated  # the domains load at the first call, not at import

            return cast("R_co", call_validated(raw, args, kwargs))

        registered = cast("Formula[P, R_co]", validated)
        registered.id, registered.raw = identifier, raw
        names = {known.id for known in FORMULAS.values()} | {known.__name__ for known in FORMULAS.values()}
        if clash := {identifier, registered.__name__} & names:
            raise ValueError(f"formula {identifier!r} ({registered.__name__}): {', '.join(sorted(clash))} is registered already")
        FORMULAS[identifier] = registered
        return registered

    return register
