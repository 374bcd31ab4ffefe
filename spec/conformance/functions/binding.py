"""Bind the parameters of a function to the arguments of a formula, and find what the function fixes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np

from ....reference import Formula, tree_leaves
from ....reference.validation import Domain, domains
from ..hyperparameters import PAIRS, Hyperparameter, InvalidSettings, canonical_argument, hyperparameters, meanings
from ..implementation import REQUIRED

COMPUTED = {  # arguments that a function may compute itself, and the formula by which it does
    "optimizers.clip.norm": {"norm": "optimizers.clip.global_norm"},
    "optimizers.clip.norm.with_eps": {"norm": "optimizers.clip.global_norm"},
}
MINUS = " - "  # between the two arguments whose difference a parameter takes
COMMA = ", "  # between the arguments that a parameter takes as one tuple
WORD_LENGTH = 3  # letters: a shorter name says little about what a parameter is


@dataclass(frozen=True)
class Binding:
    """How a function is called: the path of each of its parameters, its own constants, and the arguments that it does not take."""

    by_position: tuple[str, ...] = ()  # paths: an argument of the formula, or a field of a state as state.field
    by_name: Mapping[str, str] = field(default_factory=dict)  # the function's parameter: path
    constants: Mapping[str, Any] = field(default_factory=dict)  # parameters that stand for no argument
    unbound: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)  # arguments that it does not take, and their likely values
    left: Mapping[str, Any] = field(default_factory=dict)  # parameters that nothing was bound to, and their defaults
    computed: Mapping[str, str] = field(default_factory=dict)  # arguments that it computes itself, and the formula by which
    guessed: Mapping[str, str] = field(default_factory=dict)  # the parameters whose names leave open what they are, and their paths
    raw: Callable[..., Any] | None = None  # the formula, whose results have the shapes of the arrays that are given for them
    outputs: tuple[str, ...] = ()  # parameters that take the results, in their order; those that are arguments are written in place
    takes_out: bool = False  # whether its results may be written into what is given as `out`
    gives_out: bool = False  # whether they are

    def call(self, function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
        """Call the function with the arguments of a case; return its results, or the arrays that were given for them."""
        positional = [value_at(arguments, path) for path in self.by_position]
        named = {name: value_at(arguments, path) for name, path in self.by_name.items()}
        if not (self.outputs or self.gives_out):
            return function(*positional, **named, **self.constants)
        assert self.raw is not None
        with np.errstate(all="ignore"):
            arrays = tuple(used_array(leaf) for leaf in tree_leaves(self.raw(**arguments)))
        if self.gives_out:
            function(*positional, **named, **self.constants, out=arrays[0] if len(arrays) == 1 else arrays)
            return arrays
        given = {name: array for name, array in zip(self.outputs, arrays, strict=False) if name not in named}
        function(*positional, **named, **given, **self.constants)
        return tuple({**named, **given}[name] for name in self.outputs if name in {**named, **given})

    @property
    def in_place(self) -> set[str]:
        """The arguments that the results are written to."""
        return {self.by_name[name] for name in self.outputs if name in self.by_name}


def used_array(like: Any) -> Any:
    """Return an array for a result that holds something already."""
    like = np.asarray(like)
    return np.resize([1000, -7], like.shape).astype(like.dtype)


def value_at(arguments: Mapping[str, Any], path: str) -> Any:
    """Return an argument, a field of one that is a state, the difference of two, or several as a tuple."""
    if COMMA in path:
        return tuple(value_at(arguments, part) for part in path.split(COMMA))
    first, is_difference, second = path.partition(MINUS)
    if is_difference:
        return value_at(arguments, first) - value_at(arguments, second)
    name, _, part = path.partition(".")
    return getattr(arguments[name], part) if part else arguments[name]


def roots_of(paths: Iterable[str]) -> set[str]:
    """Return the arguments that paths read."""
    return {part.partition(".")[0] for path in paths for parts in path.split(COMMA) for part in parts.split(MINUS)}


def differences_of(arguments: Iterable[str]) -> dict[str, str]:
    """Return the names that stand for the difference of two of the arguments, with its path."""
    known = set(arguments)
    rows = [row for row in hyperparameters().values() if row.difference and known.issuperset(row.difference) and row.name not in known]
    return {name: MINUS.join(row.difference) for row in rows for name in (row.name, *row.function_aliases)}


def tuples_of(arguments: Iterable[str]) -> dict[str, str]:
    """Return the names that stand for several of the arguments as one tuple, with its path."""
    known = set(arguments)
    parts = {name: [part for part in pair if part in known] for name, pair in PAIRS.items() if name not in known}
    return {name: COMMA.join(present) for name, present in parts.items() if len(present) > 1}


def bind(
    function: Callable[..., Any],
    formula: Formula[..., Any],
    names: Mapping[str, str],
    settings: Mapping[str, Any],
    bound_by_adapter: Mapping[str, Any],
    outputs: tuple[str, ...] = (),
) -> tuple[Binding, dict[str, Any]]:
    """Return how a function is called as a formula, and the arguments that are pinned; InvalidSettings where that is unclear."""
    arguments = domains(formula.raw)
    parameters = parameters_of(function, arguments)
    if unknown := [name for name in outputs if name not in parameters]:
        raise InvalidSettings(f"it takes no {unknown[0]!r} to write a result to; it takes {', '.join(parameters) or 'nothing'}")
    takes_out = "out" in parameters and parameters["out"].default is None and "out" not in (*arguments, *outputs, *settings)
    for_results = {name for name in outputs if name not in arguments and not canonical_argument(name, arguments)}
    parameters = {name: kind for name, kind in parameters.items() if name not in for_results and not (takes_out and name == "out")}
    paths, guessed = match_parameters(parameters, arguments, names, formula, bound_by_adapter)
    pinned, constants = dict(bound_by_adapter), {}
    for name, value in settings.items():
        argument = paths.get(name) or names.get(name) or canonical_argument(name, arguments)
        if argument in arguments:
            pinned[argument] = value
        elif argument and COMMA in argument:
            pinned |= parts_of_tuple(name, value, argument.split(COMMA))
        elif name in parameters:
            constants[name] = value
        else:
            raise InvalidSettings(f"neither it nor {formula.id} takes {name!r}; it takes {', '.join(parameters) or 'nothing'}")
    taken = roots_of(paths.values())
    computed = {name: by for name, by in COMPUTED.get(formula.id, {}).items() if name not in {*taken, *pinned}}
    missing = [name for name in arguments if name not in bound_by_adapter and name not in taken and name not in computed]
    extra = {name: name for name in missing} if takes_any_keyword(function) else {}
    unbound = {name: likely_values(name, arguments[name], formula) for name in missing if name not in pinned and name not in extra}
    if unknown := [name for name, values in unbound.items() if not values]:
        unused = [name for name in parameters if name not in paths]
        raise InvalidSettings(binding_advice(unknown, unused, parameters, formula))
    is_positional = {name: parameter.kind is parameter.POSITIONAL_ONLY for name, parameter in parameters.items()}
    by_position = tuple(paths[name] for name in parameters if name in paths and is_positional[name])
    by_name = {name: paths[name] for name in parameters if name in paths and not is_positional[name]}
    left = {
        name: parameter.default
        for name, parameter in parameters.items()
        if name not in paths and name not in constants and parameter.default is not REQUIRED
    }
    return Binding(by_position, {**by_name, **extra}, constants, unbound, left, computed, guessed, formula.raw, outputs, takes_out), pinned


def parts_of_tuple(name: str, value: Any, parts: list[str]) -> dict[str, Any]:
    """Return the values of the arguments that a tuple holds."""
    if not isinstance(value, list | tuple) or len(value) != len(parts):
        raise InvalidSettings(f"{name} must be a list of {len(parts)} numbers, got {value!r}")
    return dict(zip(parts, value, strict=True))


def parameters_of(function: Callable[..., Any], arguments: Mapping[str, Domain]) -> dict[str, inspect.Parameter]:
    """Return the parameters of a function; one without a signature is taken to have those of the formula, by position."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        parameters = None
    ufunc_inputs = getattr(function, "nin", None)
    if parameters is None or ufunc_inputs is not None or any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        names = list(arguments)[: ufunc_inputs or len(arguments)]
        return {name: inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in names}
    return {parameter.name: parameter for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD}


def takes_any_keyword(function: Callable[..., Any]) -> bool:
    """Return whether a function takes any keyword."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        return False
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)


def match_parameters(
    parameters: Mapping[str, inspect.Parameter],
    arguments: Mapping[str, Domain],
    names: Mapping[str, str],
    formula: Any,
    bound_by_adapter: Mapping[str, Any],
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the path of each parameter (as said, by the same name, by an alias, as a field of a state, or by position), and the guesses.

    It is a guess where a name means several of the arguments, or nothing, so that its position decides.
    """
    paths: dict[str, str] = {}
    for name, path in names.items():
        if name not in parameters:
            raise InvalidSettings(f"it takes no {name!r}; it takes {', '.join(parameters) or 'nothing'}")
        if path not in all_paths(arguments):
            raise InvalidSettings(f"{formula.id} takes no {path!r}; it takes {', '.join(all_paths(arguments))}")
        paths[name] = path
    free = [argument for argument in arguments if argument not in {*bound_by_adapter, *roots_of(paths.values())}]
    paths |= {name: name for name in parameters if name in free and name not in paths}
    unread = [argument for argument in free if not any(argument in meanings(name, free) for name in parameters)]
    paths |= {name: path for name, path in differences_of(unread).items() if name in parameters and name not in paths}
    unread = [argument for argument in free if argument not in roots_of(paths.values())]
    paths |= {name: path for name, path in tuples_of(unread).items() if name in parameters and name not in paths}
    free = [argument for argument in free if argument in paths.values() or argument not in roots_of(paths.values())]
    paths, guessed = match_aliases(parameters, free, paths)
    paths |= match_state_fields(parameters, arguments, paths)
    rest = [name for name, parameter in parameters.items() if name not in paths and parameter.default is REQUIRED]
    roots = roots_of(paths.values())
    left = [argument for argument in free if argument not in roots and argument not in COMPUTED.get(formula.id, {})]
    needed = [argument for argument in left if not likely_values(argument, arguments[argument], formula) or is_source(arguments[argument])]
    without_source = [argument for argument in needed if not is_source(arguments[argument])]
    says_nothing = all(len(name) < WORD_LENGTH or not is_known(name) for name in rest)
    for by_position in (left, needed, without_source) if says_nothing else ():
        if rest and len(rest) == len(by_position):
            by_order = dict(zip(rest, by_position, strict=True))
            return {**paths, **by_order}, {**guessed, **(by_order if len(by_order) + len(guessed) > 1 else {})}
    if rest:
        raise InvalidSettings(binding_advice(open_paths(left, rest, arguments), rest, parameters, formula))
    return paths, guessed


def match_aliases(
    parameters: Mapping[str, inspect.Parameter], free: list[str], paths: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the paths with those of aliases, plain ones first, and the guesses among them: where a name means several arguments.

    Nothing is guessed where other parameters, whose names mean nothing, could be those arguments as well.
    """
    paths = dict(paths)
    guessed: dict[str, str] = {}

    def open_meanings() -> dict[str, list[str]]:
        left = [argument for argument in free if argument not in paths.values()]
        return {name: meanings(name, left) for name in parameters if name not in paths}

    while plain := {name: known[0] for name, known in open_meanings().items() if len(known) == 1}:
        name, argument = next(iter(plain.items()))
        paths[name] = argument
    is_required = {name: parameter.default is REQUIRED for name, parameter in parameters.items()}
    if any(is_required[name] and not known for name, known in open_meanings().items()):
        return paths, guessed
    while several := {name: known[0] for name, known in open_meanings().items() if known}:
        name, argument = next(iter(several.items()))
        paths[name] = guessed[name] = argument
    return paths, guessed


def is_known(name: str) -> bool:
    """Return whether a name is that of an argument of some formula, or an alias: it is not bound to another one by its position."""
    plain = name.strip("_").lower()
    return any(plain == row.name or plain in row.function_aliases or plain in row.aliases for row in hyperparameters().values())


def open_paths(left: list[str], rest: list[str], arguments: Mapping[str, Domain]) -> list[str]:
    """Return the arguments that are left, a state as its fields where as many parameters are left as they are."""
    fields = [f"{name}.{key}" for name in left for key in arguments[name].fields] or left
    return fields if len(fields) == len(rest) else left


def match_state_fields(parameters: Iterable[str], arguments: Mapping[str, Domain], paths: Mapping[str, str]) -> dict[str, str]:
    """Return the paths of parameters that take the fields of a state one by one."""
    matched: dict[str, str] = {}
    for state, domain in arguments.items():
        if domain.kind == "state" and state not in paths.values():
            said = {name: path for name, path in paths.items() if path.startswith(f"{state}.")}
            free = [key for key in domain.fields if f"{state}.{key}" not in said.values()]
            fields = {name: canonical_argument(name, free) for name in parameters if name not in paths}
            parts = {name: f"{state}.{key}" for name, key in fields.items() if key}
            if {*parts.values(), *said.values()} == {f"{state}.{key}" for key in domain.fields}:
                matched |= parts
    return matched


def is_source(domain: Domain) -> bool:
    """Return whether an argument is a random number generator."""
    return domain.kind == "source"


def all_paths(arguments: Mapping[str, Domain]) -> list[str]:
    """Return all that a parameter may stand for: the arguments, the fields of states, differences of two arguments, and tuples."""
    fields = (f"{name}.{key}" for name, domain in arguments.items() for key in domain.fields)
    return [*arguments, *fields, *dict.fromkeys(differences_of(arguments).values()), *tuples_of(arguments).values()]


def likely_values(name: str, domain: Domain, formula: Any) -> tuple[Any, ...]:
    """Return likely values of an argument that a function does not take: default, presets, usual ones; none where only it can say."""
    known = hyperparameters().get(name, Hyperparameter(name))
    if domain.optional or is_source(domain):  # without a generator it draws from one of the process
        return (None,)
    if domain.kind == "choice":
        return get_args(domain.hint)
    if domain.kind == "flag":
        return (False, True)
    if domain.kind == "array":
        return () if known.neutral is None else (known.neutral,)
    defaults = formula.raw.__kwdefaults__ or {}
    low, high = domain.interval.low, domain.interval.high
    whole = tuple(range(int(low), int(high) + 1)) if domain.kind == "count" and np.isfinite(low) and np.isfinite(high) else ()
    default = (defaults[name],) if name in defaults else ()
    share = (0.0, 1.0) if name == "correction" else ()
    return tuple(dict.fromkeys((*default, *preset_values(formula.id, name), *whole, *share, *known.built_in)))


def preset_values(identifier: str, name: str) -> list[float]:
    """Return the values of an argument in the presets of a catalogue entry."""
    from ...catalogue import catalogue

    entry = catalogue().entries.get(identifier)
    return [float(preset.values[name]) for preset in entry.presets if name in preset.values] if entry else []


def binding_advice(left: list[str], rest: list[str], parameters: Iterable[str], formula: Any) -> str:
    """Return what to say where parameters and arguments do not fit."""
    facts = f"it takes {', '.join(parameters) or 'nothing'}; {formula.id} takes {', '.join(domains(formula.raw))}"
    if rest and left:
        suggested = " ".join(f"--names {name}={path}" for name, path in zip(rest, left, strict=False))
        return f"{facts}: say what {', '.join(rest)} {'is' if len(rest) == 1 else 'are'}, as in {suggested}"
    open_names = left or rest
    verb = "is" if len(open_names) == 1 else "are"
    return f"{facts}: say what {', '.join(open_names)} {verb}{' in it' if left else ''}, as in --set {open_names[0]}=1"
