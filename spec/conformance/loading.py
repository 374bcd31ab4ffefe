"""Find what stands under a name: in a module, in a file, or through the adapter of a library."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points, packages_distributions, version
from types import ModuleType
from typing import Any

from .command import PREFIX, CommandOptimizer, load_command
from .dictionary import adapt_dictionary_step
from .implementation import FunctionImplementation, Implementation, NotFound, class_of_partial
from .plain import ClassImplementation, PairImplementation, adapt_factory, as_pair, step_name
from .stateful import is_schedule, is_stateful

Adapted = Implementation | FunctionImplementation | tuple[FunctionImplementation, ...]  # a layer is several functions
Adapter = Callable[[Any], Adapted | None]  # `adapt(obj)`: None for what it does not know

BUILT_IN = ("torch", "jax", "optax", "keras", "sklearn", "onnx")
ADAPTERS: Mapping[str, str] = {name: f".adapters.{name}" for name in BUILT_IN}  # by library; others come by the entry point
ENTRY_POINTS = "trainspec.adapters"
IMPORT_ENVIRONMENT = {"KERAS_BACKEND": "jax"}  # variables that are set during an import unless they are set already
LISTED = 12  # names of a module in a message
WORKING_FOLDER = "TRAINSPEC_WORKING_FOLDER"  # in the sandbox: the folder that relative paths are relative to


# --- names and files ------------------------------------------------------------------------------------------------------------------


@contextmanager
def import_environment() -> Iterator[None]:
    """Set the environment variables of an import, and remove them afterwards."""
    added = [name for name in IMPORT_ENVIRONMENT if name not in os.environ]
    os.environ.update({name: IMPORT_ENVIRONMENT[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextmanager
def neighbours_last() -> Iterator[None]:
    """Let an import find the modules beside a file first, as Python does, and whatever is imported later last: it may be the kit's."""
    before = list(sys.path)
    try:
        yield
    finally:
        sys.path[:] = [*before, *(folder for folder in sys.path if folder not in before)]


def split_target(target: str) -> tuple[str, str]:
    """Return the module or file of a target and the name within it, such as ('torch.optim', 'SGD')."""
    location, colon, path = target.rpartition(":")
    return (location, path) if colon else (target, "")


def load_object(target: str) -> Any:
    """Import `package.module:Name` or `path/to/file.py:Name`, or the module or file alone, and return the object; or start a program."""
    if target.startswith(PREFIX):
        return load_command(target, os.environ.get(WORKING_FOLDER, ""))
    location, path = split_target(target)
    if location == "-":
        raise NotFound(f"standard input is read by no other process; save its lines in a file, and check `mine.py:{path or 'MyAdam'}`")
    if WORKING_FOLDER in os.environ:
        sys.dont_write_bytecode = True  # nothing is left in the folder of the implementation
    with import_environment(), neighbours_last():
        loaded: Any = module_from_file(location) if location.endswith(".py") else module_by_name(location)
    for part in path.split(".") if path else []:
        if not hasattr(loaded, part):
            raise NotFound(f"{location} has no {path!r}{suggestion(part, loaded)}")
        loaded = getattr(loaded, part)
    return loaded


def suggestion(name: str, holder: Any) -> str:
    """Return the nearest public name of a module or class, as the end of a message."""
    import difflib

    public = {known.lower(): known for known in dir(holder) if not known.startswith("_")}
    near = difflib.get_close_matches(name.lower(), public, n=1, cutoff=0.6)
    return f"; did you mean {public[near[0]]}?" if near else ""


def module_from_file(path: str) -> ModuleType:
    """Import a file as a module; its folder is searched for what it imports."""
    path = os.path.join(os.environ.get(WORKING_FOLDER, ""), path)
    spec = importlib.util.spec_from_file_location(os.path.splitext(os.path.basename(path))[0], path)
    if spec is None or spec.loader is None or not os.path.isfile(path):
        raise NotFound(f"there is no file {path!r}")
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(spec.name, module)
    spec.loader.exec_module(module)
    return module


def module_by_name(name: str) -> ModuleType:
    """Import a module by its dotted name; the working folder is searched too."""
    folder = os.environ.get(WORKING_FOLDER, os.getcwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name and (name == missing.name or name.startswith(missing.name + ".")):
            root = missing.name.partition(".")[0]
            hint = f"; install it, as in `pip install {root}`" if root in BUILT_IN and root == missing.name else ""
            raise NotFound(f"there is no module {missing.name!r}{hint}") from None
        raise


def import_path(implementation: Any) -> str:
    """Return the name under which another process finds an object: a name stays as it is."""
    if isinstance(implementation, str):
        return implementation
    if isinstance(implementation, ModuleType):
        return implementation.__file__ or implementation.__name__
    name, module = getattr(implementation, "__qualname__", ""), getattr(implementation, "__module__", "")
    if not name or "<locals>" in name:
        raise NotFound("it stands in no module, so no other process can import it; move it to the top level of a file")
    if is_importable(module):
        return f"{module}:{name}"
    source = getattr(sys.modules.get(module), "__file__", None)
    if not source or not os.path.isfile(source):
        raise NotFound(
            f"it was typed into an interpreter or given by `python -c`, where no other process finds it; save its lines in a file, "
            f"such as mine.py, and check `mine.py:{name}`"
        )
    return f"{source}:{name}"


def is_importable(module: str) -> bool:
    """Return whether another process finds a module by its name."""
    try:
        return module not in ("", "__main__", "__mp_main__") and importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


# --- adapters -------------------------------------------------------------------------------------------------------------------------


def adapter_module(library: str) -> ModuleType | None:
    """Return the module of the adapter of a library: an installed one, or one of ours."""
    for entry_point in entry_points(group=ENTRY_POINTS, name=library):
        return importlib.import_module(entry_point.module)
    return importlib.import_module(ADAPTERS[library], __package__) if library in ADAPTERS else None


def adapter_for(library: str) -> Adapter | None:
    """Return the function `adapt` of a library's adapter."""
    for entry_point in entry_points(group=ENTRY_POINTS, name=library):
        installed: Adapter = entry_point.load()
        return installed
    module = adapter_module(library)
    adapter: Adapter | None = getattr(module, "adapt", None)
    return adapter


def environment_info(library: str) -> dict[str, str]:
    """Return what the adapter of a library says that results depend on."""
    module = adapter_module(library) if library else None
    return dict(getattr(module, "environment_info", dict)())


def libraries_of(loaded: Any) -> list[str]:
    """Return the packages of an object and its base classes, nearest first, and of what a function is declared to return."""
    loaded = loaded.func if isinstance(loaded, functools.partial) else loaded
    family = inspect.getmro(loaded) if isinstance(loaded, type) else (loaded, *inspect.getmro(type(loaded)))
    modules = [str(getattr(member, "__module__", "")) for member in family]
    returned = getattr(loaded, "__annotations__", {}).get("return") if inspect.isfunction(loaded) else None
    modules.append(returned if isinstance(returned, str) else str(getattr(returned, "__module__", "")))
    roots = [module.partition(".")[0] for module in modules]
    return [root for root in dict.fromkeys(roots) if root not in ("", "builtins")]


def adapt_object(loaded: Any) -> Adapted | None:
    """Return an object as the adapter of its library makes it; None where no adapter knows it."""
    for library in libraries_of(loaded):
        if (adapter := adapter_for(library)) and (adapted := adapter(loaded)):
            return adapted
    return None


def load_implementation(target: str) -> Any:
    """Return the implementation of a name: through an adapter where one knows it, else by its own methods."""
    loaded = load_object(target)
    if isinstance(loaded, CommandOptimizer) or (isinstance(loaded, tuple) and as_pair(loaded) is None):
        return loaded
    if adapted := adapt_object(loaded):
        return adapted
    library, loaded = library_of(target), class_of_partial(loaded)
    if (pair := as_pair(loaded)) is not None:
        return PairImplementation(pair, library)
    if is_schedule(loaded):
        return FunctionImplementation(loaded, library=library)
    if isinstance(loaded, type) and step_name(loaded):
        return ClassImplementation(loaded, library)
    if is_stateful(loaded):
        return FunctionImplementation(loaded, library=library)
    if isinstance(loaded, FunctionImplementation):
        return loaded
    if inspect.isfunction(loaded) and (implementation := adapt_factory(loaded, library) or adapt_dictionary_step(loaded, library)):
        return implementation
    if callable(loaded) and not isinstance(loaded, type):
        return FunctionImplementation(loaded, library=library)
    raise NotFound(
        f"{target} has neither `step(grad, lr)` nor `init(theta)` and `update(grad, state, theta, lr)`, and no adapter knows it"
        f"{names_within(loaded, target)}"
    )


def names_within(loaded: Any, target: str) -> str:
    """Return the classes and functions that are defined in a file or module that is named alone, as the end of a message."""
    if not isinstance(loaded, ModuleType):
        return ""
    own = {name: value for name, value in vars(loaded).items() if getattr(value, "__module__", "") == loaded.__name__ and name[:1] != "_"}
    names = [name for name, value in own.items() if isinstance(value, type) and callable(getattr(value, "step", None))]
    names += [name for name, value in own.items() if inspect.isfunction(value)]
    more = ", …" if len(names) > LISTED else ""
    return f"; it has {', '.join(f'{target}:{name}' for name in names[:LISTED])}{more}" if names else ""


def library_of(target: str) -> str:
    """Return the package that a dotted name begins with; "" for a file."""
    location = split_target(target)[0]
    return "" if location.endswith(".py") or target.startswith(PREFIX) else location.partition(".")[0]


def version_of(library: str) -> str:
    """Return the version of an installed package, by its import name; "" for what is not installed."""
    names = distributions().get(library, []) if library else []
    return version(names[0]) if names else ""


@functools.cache
def distributions() -> Mapping[str, list[str]]:
    """Return every importable package with the distributions that install it."""
    return packages_distributions()
