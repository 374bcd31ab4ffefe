"""How implementations differ from a formula: the conventions and mistakes of families of optimizers, and the variants of functions."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import NamedTuple

from ...reference import FORMULAS
from ..changes.equations import goes_without_saying, starts_not_zero, without_argument
from ..changes.program import NotApplicable
from ..conformance.functions.variants import Variant, chapter_variants
from ..conformance.optimizers.algorithm import program
from ..conformance.optimizers.combinations import is_listed, values_by_axis
from ..conformance.optimizers.conventions import FAMILIES, Convention, canonical
from ..latex import Equation, LatexWriter, latex_of
from .addresses import page_id
from .mathml import line_of, mathml_of

AXES = {
    "lr_placement": "learning rate",
    "nesterov_form": "form of Nesterov's momentum",
    "dampening": "dampening",
    "eps": "place of ε",
    "bias_correction": "bias correction",
    "centered": "centring",
    "initial_second_moment": "second moment at the start",
    "maximum": "maximum",
    "schedule": "schedule",
    "threshold": "threshold",
    "variant": "form",
    "weight_decay": "weight decay",
    "scaling": "scale for the shape",
    "coefficients": "coefficients of the iterations",
    "clipping": "clipping",
    "averaging": "averaging",
    "mistake": "mistakes",
}


class Line(NamedTuple):
    """An equation as MathML, or nothing in the place of those that are as in the canonical form; `missing` is whether only that has it."""

    mathml: str
    missing: bool = False


@dataclass(frozen=True)
class Difference:
    """A way to differ: its id, its name, whether it is a convention, its equations as lines or as a block, and formulas that state it."""

    id: str
    name: str
    right: bool
    lines: tuple[Line, ...] = ()
    mathml: str = ""
    formulas: tuple[str, ...] = ()


@dataclass(frozen=True)
class Axis:
    """What conventions may differ in, and the values that differ from the canonical form in this alone."""

    name: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class FamilyPage:
    """A family of optimizers: its name, its formula, its canonical form, and its axes."""

    id: str
    title: str
    formula: str
    canonical: Difference
    axes: tuple[Axis, ...]


@functools.cache
def family_pages() -> tuple[FamilyPage, ...]:
    """Return what is to be said of each family."""
    return tuple(map(family_page, FAMILIES))


def place_of(convention: Convention) -> str:
    """Return the address of a convention: a place on the page of its family, the page for the canonical form and for combinations."""
    (page,) = (page for page in family_pages() if page.id == convention.family)
    listed = {difference.id for axis in page.axes for difference in axis.differences}
    return f"families/{page.id}.html" + (f"#{page_id(convention.id)}" if convention.id in listed else "")


def family_page(name: str) -> FamilyPage:
    """Return what is to be said of one family."""
    family, plain = FAMILIES[name], canonical(name)
    groups = ((axis, conventions_on(plain, axis, values)) for axis, values in values_by_axis(name).items())
    equations = equations_of(plain)
    axes = tuple(
        Axis(
            AXES[axis], tuple(describe_convention(convention, different_lines(equations, equations_of(convention))) for convention in group)
        )
        for axis, group in groups
        if group
    )
    return FamilyPage(name, family.words, family.formula, describe_convention(plain, map(whole_line, equations)), axes)


def listed_conventions(family: str) -> list[Convention]:
    """Return the canonical form of a family and all that differ from it on one axis, mistakes among them."""
    plain = canonical(family)
    return [plain, *(convention for axis, values in values_by_axis(family).items() for convention in conventions_on(plain, axis, values))]


def conventions_on(plain: Convention, axis: str, values: tuple[str, ...]) -> list[Convention]:
    """Return the conventions and mistakes that differ from the canonical form on one axis."""
    others = (replace(plain, **{axis: value}) for value in values)
    return [convention for convention in others if convention != plain and is_listed(convention)]


def describe_convention(convention: Convention, lines: Iterable[Line]) -> Difference:
    """Return a convention with these lines."""
    return Difference(convention.id, convention.name, convention.right, tuple(lines), formulas=convention.formulas)


def equations_of(convention: Convention) -> tuple[Equation, ...]:
    """Return the equations of a convention, rendered from the program that runs: initial values that are not 0, then the statements."""
    step = without_argument(program(convention), "eps_root")
    names = [ast.arg(name) for name in dict.fromkeys(["theta", "gradient", "lr", *step.parameters])]
    tree = ast.FunctionDef(convention.family, ast.arguments([], names, None, [], [], None, []), list(step.statements), [], lineno=1)
    writer = LatexWriter(tree, {"state": tuple(step.state)})
    starts = [Equation(f"{{{writer.fields[name]}}}_{{0}}", "=", writer.expression(value)) for name, value in starts_not_zero(step)]
    lines = [(statement, line) for statement in step.statements for line in writer.equations(statement)]
    return (*starts, *(line for statement, line in lines if not goes_without_saying(statement)))


def different_lines(plain: Sequence[Equation], other: Sequence[Equation]) -> Iterator[Line]:
    """Yield the equations that are not those of the canonical form, and those of its that are left out without another in their place."""
    for kind, start, end, first, last in SequenceMatcher(None, plain, other, autojunk=False).get_opcodes():
        if kind == "equal":
            yield Line("")
        else:
            targets = {equation.target for equation in other[first:last]}
            yield from (whole_line(equation, missing=True) for equation in plain[start:end] if equation.target not in targets)
            yield from map(whole_line, other[first:last])


def whole_line(equation: Equation, *, missing: bool = False) -> Line:
    """Return an equation as a line."""
    return Line(line_of(equation), missing)


def variants_of(identifier: str) -> list[Difference]:
    """Return the variants that the catalogue states of a formula, with their equations."""
    return [difference for variant in chapter_variants().get(identifier, ()) if (difference := describe_variant(variant))]


def describe_variant(variant: Variant) -> Difference | None:
    """Return a variant with its equations; None where its rules do not apply."""
    try:
        changed = variant.program
    except NotApplicable:
        return None
    mathml = mathml_of(latex_of(FORMULAS[variant.formula], changed.tree)) if changed else ""
    return Difference(variant.id, variant.words, variant.right, mathml=mathml)
