"""The registry of the functions of a library: which object implements which formulas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..implementation import FunctionImplementation

Functions = tuple[FunctionImplementation, ...]
Maker = Callable[[Any], Functions]  # of the object that was found


@dataclass
class FunctionRegistry:
    """The functions of one library, by the names of its objects."""

    library: str
    makers: dict[str, Maker] = field(default_factory=dict)

    def implements(self, formula: str, call: Callable[..., Any], **bound_arguments: Any) -> Functions:
        """Return a function that claims to be a formula, some of whose arguments it fixes."""
        return (FunctionImplementation(call, formula, bound_arguments, self.library),)

    def register(self, makers: Mapping[str, Maker]) -> None:
        """Add makers, by the names of the objects that they are for."""
        self.makers |= makers

    def lookup(self, obj: Any) -> Functions | None:
        """Return the formulas that an object implements, by its name or that of a base class; None if none is known."""
        for member in obj.__mro__ if isinstance(obj, type) else (obj,):
            maker = self.makers.get(getattr(member, "__name__", ""))
            if maker and str(getattr(member, "__module__", "")).partition(".")[0] == self.library:
                return maker(obj)
        return None

    def initializer(self, formula: str, sample: Callable[..., Any], settings: Callable[..., Any] = dict, **bound_arguments: Any) -> Maker:
        """Return a maker for an initializer: `sample(obj, source, shape, settings)` draws weights, settings follow from the formula's."""

        def make(obj: Any) -> Functions:
            def call(source: Any, fan_out: int, fan_in: int, **arguments: Any) -> Any:
                return sample(obj, source, (fan_out, fan_in), settings(**arguments))

            return self.implements(formula, call, **bound_arguments)

        return make

    def schedule(self, formula: str, rate: Callable[..., float], settings: Callable[..., Any], **bound_arguments: Any) -> Maker:
        """Return a maker for a schedule: `rate(obj, step, lr, settings)` is asked with the number of updates that were done."""

        def make(obj: Any) -> Functions:
            def call(step: int, **arguments: Any) -> float:
                return rate(obj, step, arguments.get("lr"), settings(**arguments))

            return self.implements(formula, call, **bound_arguments)

        return make


def several(*makers: Maker) -> Maker:
    """Return a maker for an object that is several formulas, by its settings."""
    return lambda obj: tuple(function for make in makers for function in make(obj))
