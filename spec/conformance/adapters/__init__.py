"""Adapters for third-party libraries.

An adapter module defines `adapt(obj)`: it returns an implementation, or None for objects that it does not know.
An adapter of your own needs no change here. `adapt` is given the object that stands under the name that was asked for, and returns

- an optimizer: an object with `library`, `parameters` (hyper-parameters by canonical name, with their defaults or `REQUIRED`) and
  `start(theta, lr, settings)`, which starts a `Run` at the point theta (a NumPy array, whose dtype must be kept). `Run.step(grad, lr)`
  returns the new point; `changes_lr=False` says that the learning rate is fixed from the start; `Run.state()` returns the arrays that are
  kept, by name; `takes_gradient_function=True` says that a step takes the gradient as a function of the point. If it also has
  `start_groups(groups)`, which starts an `ArraysRun` over several arrays, or raises `NotOffered`, then several arrays, groups with
  hyper-parameters of their own, gradients that are None and a saved state are tried;
- or a function: a `FunctionImplementation`, whose `call` takes the arguments of a formula of the reference, by name, and returns what the
  formula returns;
- or a layer, which is several functions: a tuple of them.

Name it in the metadata of your distribution, under the package whose objects it adapts (the first part of `__module__`):

    [project.entry-points."trainspec.adapters"]
    mylibrary = "mylibrary_trainspec:adapt"

It is loaded in the sandbox, for objects of that package and of classes that derive from its classes; an installed adapter goes before one
of ours. `adapt` raises `NotFound`, with the reason, for what can never be judged. A tuple `MATRIX_TARGETS` in its module says what
`trainspec matrix` asks of the library, and a function `environment_info()` what results depend on: backend, device.
"""

from __future__ import annotations

from ._functions import FunctionRegistry, Functions, several
from ._mapping import (
    MAYBE_ZERO,
    NEGATED,
    MatrixTarget,
    ParameterMapping,
    ParameterMappings,
    mappings_of,
    rename_state,
    to_canonical,
    to_library,
)

__all__ = [
    "MAYBE_ZERO",
    "NEGATED",
    "FunctionRegistry",
    "Functions",
    "MatrixTarget",
    "ParameterMapping",
    "ParameterMappings",
    "mappings_of",
    "rename_state",
    "several",
    "to_canonical",
    "to_library",
]
