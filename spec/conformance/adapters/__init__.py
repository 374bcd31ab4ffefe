"""Adapters: one small module a library, each with `subject(found)`, which makes subjects of what it knows and declines the rest.

A library of your own joins them without a change here. Write `subject(found)`, which is given whatever stands under the name that somebody
asked for, and returns one of these, or None for what it does not know:

- an optimizer: an object with `library`, `parameters` (hyper-parameters by the names of this kit, with their defaults or `REQUIRED`) and
  `begin(theta, lr, settings)`, which starts a `Run` at the point theta (a NumPy array, whose dtype is to be kept). `Run.step(grad, lr)`
  returns the new point; `changes_lr=False` says that the learning rate is fixed from the start; `Run.state()` names what is remembered.
- a function: a `FunctionSubject`, whose `call` takes the arguments of a formula of the reference, by their names, and gives what it gives.
- a layer, which is several functions: a tuple of them.

Then name it in the metadata of your distribution, under the name of the package whose objects it adapts (the first part of `__module__`):

    [project.entry-points."trainspec.adapters"]
    mylibrary = "mylibrary_trainspec:subject"

The adapter is loaded in the process of the subject, and only for objects of that package or of classes that derive from its classes; an
installed adapter goes before one of ours. What can never be driven it refuses by raising `NotFound`, with the reason. A tuple `OFFERS` in
its module says what `trainspec matrix` asks of the library, and a function `circumstances()` what results may depend on: backend, device.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..implementation import REQUIRED


@dataclass(frozen=True)
class Name:
    """What a hyper-parameter of a library is called here, where its values differ, too: how theirs become ours, and back."""

    ours: str
    to_ours: Callable[[Any], Any]
    to_theirs: Callable[[Any], Any]


Names = Mapping[str, str | tuple[str, ...] | Name]  # theirs: ours; a tuple of theirs is several of ours

MAYBE_ZERO = (lambda value: 0.0 if value is None else value, lambda value: value)  # their None is our 0


class Offer(NamedTuple):
    """A cell of the matrix: what a library has for a formula, and how it is asked."""

    column: str
    target: str
    settings: Mapping[str, Any] = {}
    against: str = ""
    dtype: str = "float64"


def in_ours(parameters: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """Their parameters and defaults by our names."""
    found: dict[str, Any] = {}
    for theirs, default in parameters.items():
        name = names.get(theirs, theirs)
        if isinstance(name, tuple):
            found |= dict(zip(name, [REQUIRED] * len(name) if default is REQUIRED else default, strict=True))
        elif isinstance(name, Name):
            found[name.ours] = REQUIRED if default is REQUIRED else name.to_ours(default)
        else:
            found[name] = default
    return found


def in_theirs(settings: Mapping[str, Any], parameters: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """Settings by our names as keyword arguments of theirs; of a tuple that is given in part, the rest is the default."""
    found: dict[str, Any] = {}
    for theirs, default in parameters.items():
        name = names.get(theirs, theirs)
        if isinstance(name, tuple):
            if any(one in settings for one in name):
                found[theirs] = tuple(settings[one] if one in settings else default[i] for i, one in enumerate(name))
        elif isinstance(name, Name):
            if name.ours in settings:
                found[theirs] = name.to_theirs(settings[name.ours])
        elif name in settings:
            found[theirs] = settings[name]
    return found


def names_of(kind: Any, names: Names, own: Mapping[str, Names]) -> Names:
    """The names of a library, with those that a class, a base class of it, or a function has of its own."""
    family = inspect.getmro(kind) if isinstance(kind, type) else (kind,)
    return {**names, **next((own[one.__name__] for one in family if one.__name__ in own), {})}


def renamed(state: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """What an optimizer remembers by our names; what has none here keeps its own."""
    return {names.get(name, name): value for name, value in state.items()}
