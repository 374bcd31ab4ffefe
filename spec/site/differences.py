"""How implementations differ from a formula: the conventions and mistakes of families of optimizers, and the variants of functions."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

from ...reference import FORMULAS
from ..changes.program import NotApplicable
from ..conformance.functions.variants import Variant, chapter_variants
from ..conformance.optimizers.combinations import is_listed, values_by_axis
from ..conformance.optimizers.conventions import FAMILIES, Convention, canonical
from ..latex import latex_of
from .mathml import mathml_of

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


@dataclass(frozen=True)
class Difference:
    """A way to differ: its id, its name, whether it is a convention, its equations as text or as MathML, and the formulas that state it."""

    id: str
    name: str
    right: bool
    equations: tuple[str, ...] = ()
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


def family_page(name: str) -> FamilyPage:
    """Return what is to be said of one family."""
    family, plain = FAMILIES[name], canonical(name)
    groups = ((axis, conventions_on(plain, axis, values)) for axis, values in values_by_axis(name).items())
    axes = tuple(Axis(AXES[axis], tuple(map(describe_convention, conventions))) for axis, conventions in groups if conventions)
    return FamilyPage(name, family.words, family.formula, describe_convention(plain), axes)


def listed_conventions(family: str) -> list[Convention]:
    """Return the canonical form of a family and all that differ from it on one axis, mistakes among them."""
    plain = canonical(family)
    return [plain, *(convention for axis, values in values_by_axis(family).items() for convention in conventions_on(plain, axis, values))]


def conventions_on(plain: Convention, axis: str, values: tuple[str, ...]) -> list[Convention]:
    """Return the conventions and mistakes that differ from the canonical form on one axis."""
    others = (replace(plain, **{axis: value}) for value in values)
    return [convention for convention in others if convention != plain and is_listed(convention)]


def describe_convention(convention: Convention) -> Difference:
    """Return a convention with its equations."""
    equations = tuple(convention.equations.split(",   "))
    return Difference(convention.id, convention.name, convention.right, equations, formulas=convention.formulas)


def variants_of(identifier: str) -> list[Difference]:
    """Return the variants that the catalogue states of a formula, with their equations."""
    return [difference for variant in chapter_variants().get(identifier, ()) if (difference := describe_variant(variant))]


def describe_variant(variant: Variant) -> Difference | None:
    """Return a variant with its equations; None where its rules do not apply."""
    try:
        program = variant.program
    except NotApplicable:
        return None
    mathml = mathml_of(latex_of(FORMULAS[variant.formula], program.tree)) if program else ""
    return Difference(variant.id, variant.words, variant.right, mathml=mathml)
