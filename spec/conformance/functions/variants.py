"""Variants of functions: the ways in which implementations of one formula differ, each with a name and its place on the axes.

Other formulas of the catalogue that take the same arguments come first, then what the formula's chapter states, then what is made of every
formula: a sign, a factor, an update sooner or later, two arguments exchanged. What remains is a change of one place of the source.
All of them but other formulas are changes of the formula's own source; the catalogue has them as data (spec/catalogue/variants).
"""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np

from ....reference import FORMULAS, Formula, tree_leaves
from ....reference.syntax import compile_function, source_tree
from ....reference.validation import Domain, domains, resolve_annotations
from ...catalogue.variants import CHAPTERS
from ...catalogue.variants import load as records
from ...changes.families import combinations
from ...changes.function import FunctionProgram, function_program, namespace_of
from ...changes.mutation import misplaced_points, mutations, one_place_changes, other_names, other_parentheses, scaled_places
from ...changes.patterns import names_assigned
from ...changes.places import Place, changes_of_places, counters_of, with_changes
from ...changes.program import unparsed
from ...changes.rules import Rule, apply, in_roles
from .binding import likely_values

DATA = ("array", "state", "function", "functions")  # kinds of arguments that no other formula may leave out
NUMBERS = ("array", "number", "count")  # kinds of arguments that may be exchanged
Change = Callable[[FunctionProgram], FunctionProgram]


@dataclass(frozen=True)
class Variant:
    """One way to differ from a formula: its name, its axes, and how its function is made, which takes the formula's arguments by name.

    It is made by itself, or by a change of the formula's program, which then may be applied to a program that is changed already.
    """

    formula: str
    label: str
    words: str
    make: Callable[[], Callable[..., Any]] | None = None
    change: Change | None = None
    axes: Mapping[str, str] = field(default_factory=dict)
    right: bool = False
    unstable: bool = False  # equal in real numbers, and worse in floats

    @property
    def id(self) -> str:
        """The formula and what is different."""
        return f"{self.formula}/{self.label}" if self.label else self.formula

    @property
    def name(self) -> str:
        """In words."""
        return f"{self.formula} {self.words}".strip()

    @functools.cached_property
    def program(self) -> FunctionProgram | None:
        """Its program; None where it is another formula's function."""
        return self.change(function_program(self.formula)) if self.change else None

    @functools.cached_property
    def function(self) -> Callable[..., Any]:
        """It as a function."""
        if self.program:
            return self.program.function
        assert self.make is not None
        return self.make()

    def beside(self, other: Variant) -> Variant:
        """Return the variant with another one besides: its change, and then that of the other; the program says if it cannot be."""
        changes = [variant.change for variant in (self, other) if variant.change]
        label, words = f"{self.label}+{other.label}", f"{self.words}, and {other.words}"
        return Variant(self.formula, label, words, change=functools.partial(one_after_another, changes), axes={**self.axes, **other.axes})


def one_after_another(changes: Sequence[Change], program: FunctionProgram) -> FunctionProgram:
    """Return a program after several changes."""
    return functools.reduce(lambda changed, change: change(changed), changes, program)


def variants_of(formula: Formula[..., Any]) -> list[Variant]:
    """Return all variants of a formula: other formulas first, then its chapter's, then what is made of every formula, each id once."""
    variants: dict[str, Variant] = {}
    for variant in (*compatible_formulas(formula), *chapter_variants().get(formula.id, ()), *general_variants(formula)):
        variants.setdefault(variant.id, variant)
    return list(variants.values())


def identity(formula: Formula[..., Any]) -> Variant:
    """Return the formula as the reference has it."""
    return Variant(formula.id, "", "", lambda: formula.raw, right=True)


def by_result(formula: str, variants: Sequence[Variant]) -> Variant:
    """Return the variant whose results are those of several variants: the first of the first, the second of the second, and so on."""

    def call(**arguments: Any) -> Any:
        return tuple(tree_leaves(variant.function(**arguments))[position] for position, variant in enumerate(variants))

    wrong = [(number, variant) for number, variant in enumerate(variants, start=1) if variant.id != formula]
    label = "+".join(f"{number}:{variant.label or variant.id}" for number, variant in wrong)
    words = ", and ".join(f"in result {number} {variant.words or f'as {variant.id}'}" for number, variant in wrong)
    return Variant(formula, label, words, lambda: call, axes={f"result {number}": variant.label or variant.id for number, variant in wrong})


# --- other formulas -------------------------------------------------------------------------------------------------------------------


def compatible_formulas(formula: Formula[..., Any]) -> Iterator[Variant]:
    """Yield the other formulas of the catalogue that take the same arguments, in the same place or by name."""
    arguments = domains(formula.raw)
    for other in FORMULAS.values():
        if other.id != formula.id and (names := matching_arguments(arguments, domains(other.raw))) is not None:
            yield Variant(other.id, "", "", functools.partial(with_arguments, other.raw, names), right=True)
        elif other.id.startswith(f"{formula.id}."):
            yield from extended_formulas(formula, other)


def extended_formulas(formula: Formula[..., Any], other: Formula[..., Any]) -> Iterator[Variant]:
    """Yield a form of a formula that takes one number more, with each usual value of it built in."""
    arguments, asked = domains(formula.raw), domains(other.raw)
    more = [name for name in asked if name not in arguments]
    if len(more) != 1 or not set(arguments) <= set(asked) or asked[more[0]].kind != "number":
        return
    (name,) = more
    low, high = asked[name].interval.float_range()
    for value in likely_values(name, asked[name], other):
        if low <= value <= high:
            make = functools.partial(with_value, other.raw, name, value)
            yield Variant(other.id, f"{name}={value:g}", f"with {name} = {value:g} built in", make, right=True)


def with_value(raw: Callable[..., Any], name: str, value: float) -> Callable[..., Any]:
    """Return a formula with the value of one argument built in."""
    return functools.partial(raw, **{name: value})


def matching_arguments(arguments: Mapping[str, Domain], asked: Mapping[str, Domain]) -> dict[str, str] | None:
    """Return which argument of one formula each argument of another is, where that is plain: ours by theirs."""
    matching = {name: name for name in asked if name in arguments and form_of(arguments[name]) == form_of(asked[name])}
    free = [name for name in arguments if name not in matching]
    for name in [name for name in asked if name not in matching and not asked[name].optional]:
        same = [own for own in free if form_of(arguments[own]) == form_of(asked[name])]
        if len(same) != 1:
            return None
        matching[name] = same[0]
        free.remove(same[0])
    data = [name for name, domain in arguments.items() if domain.kind in DATA]
    return matching if matching and all(name in matching.values() for name in data) else None


def form_of(domain: Domain) -> tuple[str, ...]:
    """Return what an argument is, names aside: its kind, its axes, or the parts of a state."""
    if domain.kind == "state":
        return ("state", *(part for inner in domain.fields.values() for part in form_of(inner)))
    return (domain.kind, *(domain.hint.dim_str.split() if domain.kind == "array" else ()), "whole" if domain.whole else "")


def with_arguments(raw: Callable[..., Any], names: Mapping[str, str]) -> Callable[..., Any]:
    """Return a formula that takes another's arguments; a state becomes its own kind of state."""
    kinds = {name: domain.hint for name, domain in domains(raw).items() if domain.kind == "state"}

    def call(**arguments: Any) -> Any:
        values = {name: arguments[own] for name, own in names.items()}
        return raw(**{name: kinds[name](*value) if name in kinds else value for name, value in values.items()})

    return call


# --- a chapter's own ------------------------------------------------------------------------------------------------------------------


@functools.cache
def chapter_variants() -> Mapping[str, list[Variant]]:
    """Return the variants that the chapters state, by formula."""
    variants: dict[str, list[Variant]] = {}
    for chapter in CHAPTERS:
        for variant in variants_in(records(chapter)):
            variants.setdefault(variant.formula, []).append(variant)
    return variants


def variants_in(chapter: Mapping[str, Any]) -> Iterator[Variant]:
    """Yield the variants of a chapter: its families', and single ones."""
    axes = {**records("general")["axes"], **chapter.get("axes", {})}
    for family in chapter.get("families", {}).values():
        for identifier, formula in family["formulas"].items():
            for combination in combinations(family, axes, formula):
                label = combination.label(family.get("prefixed", ()), complete=family.get("complete", False))
                words = f"with {' and '.join(combination.changes)}"
                change = functools.partial(combination.apply, roles=family.get("roles", {}))
                yield Variant(identifier, label, words, change=change, axes=combination.axes, unstable=combination.is_unstable)
    for record in chapter.get("variants", ()):
        for identifier in record["formulas"]:
            yield Variant(identifier, record["label"], record["words"], change=by_rules(record["rules"]), axes=record["axes"])


def by_rules(rules: Sequence[Rule]) -> Change:
    """Return the change of a program by these rules."""
    return functools.partial(apply, rules=rules, roles={})


# --- made of every formula ------------------------------------------------------------------------------------------------------------


def general_variants(formula: Formula[..., Any]) -> Iterator[Variant]:
    """Yield the changes of the results and of the arguments of any formula."""
    yield from of_results(formula)
    yield from of_arguments(formula, records("general")["arguments"])
    yield from of_exchanges(formula)


def of_results(formula: Formula[..., Any]) -> Iterator[Variant]:
    """Yield the formula with its results changed: all of them, one of them, or two exchanged."""
    results, first = function_program(formula.id).results, first_array(formula)
    for label, record in records("general")["results"].items():
        if "FIRST" in record["value"] and not first:
            continue
        words, axes = record["words"], {"result": label}
        values = [changed_result(formula, record["value"], name, first) for name in results]
        yield with_insertion(formula, label, words, axes, values, results)
        for number, (name, value) in enumerate(zip(results, values, strict=True), start=1) if len(results) > 1 else ():
            words = f"with result {number} {record['words'].removeprefix('with ')}"
            yield with_insertion(formula, f"{label}-{number}", words, {**axes, "of": str(number)}, [value], [name])
    for (number, name), (other_number, other) in itertools.permutations(enumerate(results, start=1), 2):
        words = f"with result {other_number} as result {number} as well"
        yield with_insertion(formula, f"{other_number}-as-{number}", words, {"result": "copied", "of": str(number)}, [other], [name])
    for (number, name), (other_number, other) in itertools.combinations(enumerate(results, start=1), 2):
        words = f"with results {number} and {other_number} exchanged"
        yield with_insertion(formula, f"exchanged-{number}-{other_number}", words, {"result": "exchanged"}, [other, name], [name, other])


def changed_result(formula: Formula[..., Any], value: str, name: str, first: str) -> str:
    """Return what a result becomes; of a result of any number of parts, each part."""
    if get_args(resolve_annotations(formula.raw, formula.raw.__module__)["return"])[-1:] == (Ellipsis,):
        return f"tuple({in_roles(value, {'RESULT': 'part', 'FIRST': first})} for part in {name})"
    return in_roles(value, {"RESULT": name, "FIRST": first})


def with_insertion(
    formula: Formula[..., Any],
    label: str,
    words: str,
    axes: Mapping[str, str],
    values: Iterable[str],
    names: Iterable[str],
    at: str = "end",
) -> Variant:
    """Return the variant in which names have other values, from the start or at the end."""
    rules = [{"insert": f"{', '.join(names)} = {', '.join(values)}", "at": at}]
    return Variant(formula.id, label, words, change=by_rules(rules), axes=axes)


def first_array(formula: Formula[..., Any]) -> str:
    """Return the first array among the arguments of a formula and the fields of its states, nothing if there is none."""
    arrays = (slot.text for slot in slots_of(formula) if slot.domain.kind == "array" and slot.domain.hint.dim_str)
    return next(arrays, "")


@dataclass(frozen=True)
class Slot:
    """An argument, or a field of a state among them; what it is called has the argument's name where the field's is not enough."""

    argument: str
    field: str
    name: str
    domain: Domain

    @property
    def text(self) -> str:
        """What reads it."""
        return f"{self.argument}.{self.field}" if self.field else self.argument

    def with_value(self, text: str) -> str:
        """Return what its argument becomes where it has another value."""
        return f"{self.argument}._replace({self.field}={text})" if self.field else text


def slots_of(formula: Formula[..., Any]) -> list[Slot]:
    """Return all arguments of a formula, each state followed by its fields."""
    slots, arguments = [], domains(formula.raw)
    for argument, domain in arguments.items():
        slots.append(Slot(argument, "", argument, domain))
        for part, inner in domain.fields.items():
            slots.append(Slot(argument, part, f"{argument}.{part}" if part in arguments else part, inner))
    return slots


def of_arguments(formula: Formula[..., Any], kinds: Mapping[str, Any]) -> Iterator[Variant]:
    """Yield the formula with an argument, or a field of a state, changed first."""
    for slot in slots_of(formula):
        for key, record, roles in changes_of(slot, formula, kinds):
            label, text, words = (in_roles(part, roles) for part in (key, record["value"], record["words"].replace("NAME", slot.name)))
            axes = {slot.name: f"{slot.name}-{label}"}
            yield with_insertion(formula, f"{slot.name}-{label}", words, axes, [slot.with_value(text)], [slot.argument], "start")


def changes_of(slot: Slot, formula: Formula[..., Any], kinds: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, str], dict[str, str]]]:
    """Yield what may be done to an argument of its kinds: label, record and roles."""
    for kind in kinds_of(slot, formula):
        for label, record in kinds.get(kind, {}).items():
            for word in get_args(slot.domain.hint) if label == "WORD" else ("",):
                for eps in eps_of(formula) if record.get("for") == "EPS" else ("",):
                    yield label, record, {"NAME": slot.text, "WORD": word, "EPS": eps, "DEFAULT": repr(default_of(slot, formula))}


def kinds_of(slot: Slot, formula: Formula[..., Any]) -> Iterator[str]:
    """Yield the kinds of an argument for which changes are stated."""
    domain = slot.domain
    yield "index" if domain.kind == "array" and domain.whole else domain.kind
    if domain.kind == "number" and np.isfinite(domain.interval.low) and np.isfinite(domain.interval.high):
        yield "share"
    if domain.kind == "number" and slot.argument in eps_of(formula):
        yield "eps"
    if not slot.field and default_of(slot, formula) not in (inspect.Parameter.empty, None, 0):
        yield "optional"


def default_of(slot: Slot, formula: Formula[..., Any]) -> Any:
    """Return the default of an argument; inspect.Parameter.empty where it has none."""
    return inspect.signature(formula.raw).parameters[slot.argument].default


def eps_of(formula: Formula[..., Any]) -> list[str]:
    """Return the arguments that stabilise."""
    return [slot.argument for slot in slots_of(formula) if slot.argument.startswith("eps")]


def of_exchanges(formula: Formula[..., Any]) -> Iterator[Variant]:
    """Yield the formula with two arguments of one form exchanged, or an argument and a field of a state."""
    for first, second in itertools.combinations([slot for slot in slots_of(formula) if slot.domain.kind in NUMBERS], 2):
        if form_of(first.domain) != form_of(second.domain):
            continue
        label = f"{first.name}-{second.name}-exchanged"
        names, values = [first.argument, second.argument], [first.with_value(second.text), second.with_value(first.text)]
        if first.argument == second.argument:
            names, values = names[:1], [f"{first.argument}._replace({first.field}={second.text}, {second.field}={first.text})"]
        yield with_insertion(formula, label, f"with {first.name} and {second.name} exchanged", {"arguments": label}, values, names, "start")


# --- where nothing else fits -----------------------------------------------------------------------------------------------------------


def rarer_variants(formula: Formula[..., Any]) -> Iterator[Variant]:
    """Yield mistakes in one place of the source: those with a name of their own, then every other change."""
    known = {variant.id for variant in variants_of(formula)}
    yield from (variant for variant in mistakes(formula) if variant.id not in known)
    yield from source_mutations(formula)
    yield from program_changes(formula)


def mistakes(formula: Formula[..., Any]) -> Iterator[Variant]:
    """Yield the mistakes that can be made in any formula, where this one has a place for them."""
    data, source = records("mistakes"), function_program(formula.id)
    yield from of_arguments(formula, data["arguments"])
    yield from of_repetition(formula)
    fillers = {"EPS": eps_of(formula), "COUNTER": counters_of(source), "": [""]}
    inlined = source.inlined_calls
    for prefix, program in {"": source, **({} if inlined.statements == source.statements else {"called-": inlined})}.items():
        for record in data["places"]:
            role = record.get("for", "")
            for name in fillers[role]:
                for label, sentence, places in changes_of_places(program, record, {role: name}):
                    change = functools.partial(changed_at, places, called=bool(prefix))
                    yield Variant(formula.id, prefix + label, sentence, change=change, axes={"place": prefix + label})


def changed_at(places: Sequence[Place], program: FunctionProgram, *, called: bool = False) -> FunctionProgram:
    """Return a program changed at these places; of those in formulas that it calls, with their expressions in it."""
    return with_changes(program.inlined_calls if called else program, places)


def of_repetition(formula: Formula[..., Any]) -> Iterator[Variant]:
    """Yield the formula applied to its own result, where that has the form of an argument."""
    result = resolve_annotations(formula.raw, formula.raw.__module__)["return"]
    for slot in slots_of(formula):
        if slot.domain.kind == "array" and not slot.field and getattr(result, "dim_str", None) == slot.domain.hint.dim_str:
            arguments = ", ".join(f"{name}={name}" for name in domains(formula.raw))
            words, label = f"applied twice: to its own result as {slot.name}", f"{slot.name}-twice"
            yield with_insertion(formula, label, words, {slot.name: label}, [f"{formula.__name__}({arguments})"], [slot.argument], "start")


def program_changes(formula: Formula[..., Any]) -> Iterator[Variant]:
    """Yield the formula with another name in one place that is known there, or a part doubled, halved, squared or grouped otherwise."""
    program = function_program(formula.id)
    known = [slot.text for slot in slots_of(formula) if slot.domain.kind in NUMBERS]
    for statement in program.statements:
        places = itertools.chain(
            other_names(statement, known), scaled_places(statement), other_parentheses(statement), misplaced_points(statement)
        )
        for old, new, _ in places:
            yield of_one_place(formula, statement, Place(old, new))
        known += sorted(names_assigned(statement))


def changes_of_one_place(formula: Formula[..., Any]) -> Iterator[Variant]:
    """Yield the mutations of a formula as changes of its program, which can be made beside others."""
    names = list(domains(formula.raw))
    for statement in function_program(formula.id).statements:
        for old, new, _ in one_place_changes(statement, names):
            yield of_one_place(formula, statement, Place(old, new))


def of_one_place(formula: Formula[..., Any], statement: ast.stmt, place: Place) -> Variant:
    """Return the formula with one place of a statement changed, named by the change."""
    before, after, line = (unparsed(node) for node in (place.node, place.fresh, statement))
    words, change = f"with `{after}` in the place of `{before}`, in `{line}`", functools.partial(changed_at, [place])
    return Variant(formula.id, f"{before} → {after}", words, change=change, axes={"line": line, "change": f"{before} → {after}"})


def source_mutations(formula: Formula[..., Any]) -> Iterator[Variant]:
    """Yield the formula with one place of its source changed, named by the change."""
    for mutation in mutations(source_tree(formula)):
        before, _, after = mutation.change.partition(" → ")
        words = f"with `{after}` in the place of `{before}`" if after else f"without the line `{mutation.line}`"
        make = functools.partial(compile_function, mutation.tree, namespace_of(formula.id))
        axes = {"line": mutation.line, "change": mutation.change}
        yield Variant(formula.id, mutation.change, f"{words}, in `{mutation.line}`" if after else words, make, axes=axes)
