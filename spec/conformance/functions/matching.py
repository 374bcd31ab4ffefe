"""Find the formula or variant that a function follows: floats rank the variants, certified values decide."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ....reference import FORMULAS, Formula, tree_leaves
from ....reference.validation import domains
from ...arithmetic.formats import format_of
from ...inputs.cases import in_dtype
from ..result import EquivalentConvention
from .bounds import ALLOWED, rounding_of
from .casts import cast_orders
from .conditions import condition_of_mistake
from .error import (
    ExpectedOutput,
    FunctionError,
    expected_by_call,
    float_error,
    float_units,
    measure,
    measure_against,
    with_arguments,
)
from .observations import FunctionCall, FunctionObservations
from .pairs import near_pairs
from .variants import Variant, by_result, identity, rarer_variants, variants_of

CLOSE = 1e3  # units by floats, within which a variant is measured with certainty
ALWAYS_MEASURED = 6  # variants that are measured with certainty at any distance
FEW, FAR = 4, 1e6  # a variant that is so many bounds off in the first few cases is measured in no others
OWN_INFERENCES = 3  # of the values inferred for the formula itself, so many are measured
LIKELY_INFERENCES = 16  # of the values inferred for the formula, with so many its variants are compared
FLOAT_NOISE = 2.0**-40  # relative: far above the rounding of float64, far below that of narrow formats
EQUAL_IN_CASES = ("equal in every case",)


@dataclass(frozen=True)
class VariantFit:
    """A variant, with the values inferred for it, and its distance: by floats, and with certainty where that was measured."""

    variant: Variant
    inferred: Mapping[str, Any]
    distance: float
    error: FunctionError | None = None

    @property
    def holds(self) -> bool:
        """Whether the function follows it."""
        return self.error is not None and self.error.error_in_bounds <= ALLOWED

    @property
    def runner_up(self) -> tuple[str, float]:
        """What it is called beside the variant that is followed, and its distance."""
        return self.variant.words or self.variant.id, self.distance


@dataclass(frozen=True)
class FunctionMatch:
    """What a function follows: the fit of the formula itself, the one that holds, the nearest others, and those that are the same."""

    own: VariantFit
    best: VariantFit | None
    runners_up: list[VariantFit]
    identities: tuple[EquivalentConvention, ...] = ()
    condition: tuple[str, bool] | None = None  # of what follows nothing: what its wrong cases, or its right ones, have in common
    not_told_apart: tuple[VariantFit, ...] = ()  # mistakes that give the same results, within the bound of the formula that holds

    @property
    def is_own(self) -> bool:
        """Whether the function follows the formula that was asked for, in some cast order."""
        return self.best is self.own or (self.best is not None and "cast" in self.best.variant.axes)


@dataclass(frozen=True)
class FunctionMatcher:
    """Searches for what a function follows."""

    observations: FunctionObservations
    dtype: Any

    @property
    def formula(self) -> Formula[..., Any]:
        """The formula that was asked for."""
        return FORMULAS[self.observations.formula]

    @property
    def calls(self) -> tuple[FunctionCall, ...]:
        """The observed calls."""
        return self.observations.calls

    @functools.cached_property
    def due(self) -> list[tuple[FunctionCall, list[ExpectedOutput]]]:
        """What is due in every case, with the likeliest values for what the function does not take."""
        return expected_by_call(self.formula.raw, self.calls, self.likeliest, self.dtype)

    @functools.cached_property
    def likeliest(self) -> dict[str, Any]:
        """The likeliest values for what the function does not take."""
        return next(self.observations.inferences())

    @functools.cached_property
    def units(self) -> dict[str, list[Any]]:
        """The unit of every output in every case."""
        return float_units(self.due, self.dtype)

    @functools.cached_property
    def likely_inferences(self) -> list[dict[str, Any]]:
        """The values for the arguments that the function does not take with which the formula is nearest to it."""
        inferences, raw = list(self.observations.inferences()), self.formula.raw
        if len(inferences) <= LIKELY_INFERENCES:
            return inferences
        return sorted(inferences, key=lambda inferred: float_error(raw, self.calls, inferred, self.units, np.inf))[:LIKELY_INFERENCES]

    def rank(self, variants: Iterable[Variant]) -> list[VariantFit]:
        """Return variants by their distance in floats, the nearest first."""
        fits: list[VariantFit] = []
        nearest: list[float] = [np.inf] * (2 * ALWAYS_MEASURED)
        for variant, inferred in itertools.product(variants, self.likely_inferences):
            far = max(CLOSE, nearest[-1])
            distance = float_error(variant.function, self.calls, inferred, self.units, far, is_mistake=not variant.right)
            nearest = sorted([*nearest, distance])[: 2 * ALWAYS_MEASURED]
            fits.append(VariantFit(variant, inferred, distance))
        return sorted(fits, key=lambda fit: fit.distance)

    def measured(self, fit: VariantFit, case: str = "") -> VariantFit:
        """Return a fit with its certified error; of a variant that is far off in this case or a few, or off for short arrays, of these."""
        short = [call for call in self.calls if call.case.length == 1]
        first = [call for call in self.calls if call.case.name == case and call.case.roundings == 1]
        samples = [(first, FAR), (short[:FEW], FAR), (short, ALLOWED)] if fit.variant.id != self.formula.id else []
        for calls, limit in samples:
            if len(calls) < len(self.calls):
                error = measure(fit.variant.function, calls, fit.inferred, self.dtype, ALLOWED)
                if error.cases and error.error_in_bounds > limit:
                    return replace(fit, error=error)
        if fit.variant.id == self.formula.id and fit.inferred == self.likeliest:
            return replace(fit, error=measure_against(self.due, self.dtype, ALLOWED))
        return replace(fit, error=measure(fit.variant.function, self.calls, fit.inferred, self.dtype, ALLOWED))

    def match(self) -> FunctionMatch:
        """Return what the function follows."""
        own_fits = [self.measured(fit) for fit in self.rank([identity(self.formula)])[:OWN_INFERENCES]]
        own = min(own_fits, key=lambda fit: fit.error.error_in_bounds if fit.error else np.inf)
        ranked = self.rank(variants_of(self.formula))
        if own.holds:
            same = [fit for fit in ranked if fit.distance <= ALLOWED and fit.variant.right]
            identities = tuple(EquivalentConvention(fit.variant.id, fit.variant.id, EQUAL_IN_CASES) for fit in same)
            mistakes = tuple(fit for fit in ranked if fit.distance <= ALLOWED and not fit.variant.right and self.differs(fit))
            return FunctionMatch(own, own, distant(ranked), identities, not_told_apart=mistakes)
        best = self.cast_order(own) or self.first_that_holds(ranked, own) or self.unstable_form(own)
        if best is None:
            ranked = sorted([*ranked, *self.rank(rarer_variants(self.formula))], key=lambda fit: fit.distance)
            best = self.first_that_holds(ranked, own) or self.result_by_result(own) or self.in_ordinary_cases(own) or self.two_mistakes(own)
        if best is None:
            return FunctionMatch(own, None, [own, *ranked][:1], condition=self.condition_of_mistake(own))
        same = [fit for fit in near(ranked) if fit.distance <= ALLOWED and fit.variant.id != best.variant.id]
        identities = tuple(EquivalentConvention(fit.variant.id, fit.variant.name, EQUAL_IN_CASES) for fit in same)
        return FunctionMatch(own, best, distant(ranked), identities)

    def condition_of_mistake(self, own: VariantFit) -> tuple[str, bool] | None:
        """Return what the wrong cases, or the right ones, have in common."""
        deviating = own.error.deviating_cases if own.error else ()
        return condition_of_mistake(self.calls, deviating, domains(self.formula.raw))

    def in_ordinary_cases(self, own: VariantFit) -> VariantFit | None:
        """Return the mistake that the function follows but where cases strain floats: there it may lose digits besides."""
        ordinary = tuple(call for call in self.calls if call.case.is_ordinary)
        matcher = replace(self, observations=replace(self.observations, calls=ordinary))
        if len(ordinary) in (0, len(self.calls)) or (known := matcher.measured(own)).holds:
            return None
        pools = (pool(self.formula) for pool in (variants_of, rarer_variants))
        return next((fit for pool in pools if (fit := matcher.first_that_holds(matcher.rank(pool), known))), None)

    def result_by_result(self, own: VariantFit) -> VariantFit | None:
        """Return the fit of several mistakes, one for each result that is wrong; None where some result follows nothing."""
        count = max((len(call.outputs) for call in self.calls), default=0)
        parts = [self.of_result(position, own) for position in range(count)] if count > 1 else []
        found = [part for part in parts if part is not None]
        if not found or len(found) < len(parts):
            return None
        fit = self.measured(VariantFit(by_result(self.formula.id, [part.variant for part in found]), own.inferred, own.distance))
        return fit if fit.holds else None

    def of_result(self, position: int, own: VariantFit) -> VariantFit | None:
        """Return the formula, or the mistake, that one result follows for itself, at the values that were inferred for all."""
        calls = tuple(
            replace(
                call,
                case=replace(call.case, arguments=with_arguments(call.case.arguments, own.inferred)),
                outputs=alone(call.outputs, position),
            )
            for call in self.calls
        )
        matcher = FunctionMatcher(replace(self.observations, calls=calls, unbound={}, settings={}), self.dtype)
        known = matcher.measured(replace(own, error=None))
        if known.holds:
            return known
        for pool in (variants_of, rarer_variants):
            if fit := matcher.first_that_holds([fit for fit in matcher.rank(pool(self.formula)) if not fit.variant.unstable], known):
                return fit
        return matcher.two_mistakes(known)

    def two_mistakes(self, own: VariantFit) -> VariantFit | None:
        """Return the fit of two mistakes at once; in narrow formats none is looked for, since too many fit."""
        if rounding_of(self.dtype).is_narrow:
            return None
        pairs = near_pairs(self.formula, self.calls, own.inferred, self.units, CLOSE)
        return self.first_that_holds([VariantFit(pair, own.inferred, 0.0) for pair in pairs[:ALWAYS_MEASURED]], own)

    def cast_order(self, own: VariantFit) -> VariantFit | None:
        """Return the cast order that the function has, where it is one that has a name and rounds more than once."""
        rounding = rounding_of(self.dtype)
        orders = cast_orders(self.formula, format_of(rounding.dtype)) if rounding.compute != rounding.dtype else ()
        fits = (self.measured(VariantFit(order, own.inferred, own.distance)) for order in orders)
        return next((fit for fit in fits if fit.holds and fit.error and fit.error.cases), None)

    def first_that_holds(self, ranked: list[VariantFit], own: VariantFit) -> VariantFit | None:
        """Return the first fit that holds, in the order of the registry: another formula, a variant, a generated one."""
        wrong = own.error.mismatch.case if own.error and own.error.mismatch and own.error.deviating_cases else ""
        fits = (self.measured(fit, case=wrong) for fit in near(ranked))
        holding = [fit for fit in fits if fit.holds and explains(fit, own)]
        return min(holding, key=lambda fit: (not fit.variant.right, self.order.get(fit.variant.id, len(self.order))), default=None)

    def differs(self, fit: VariantFit) -> bool:
        """Return whether a variant is another function than the formula in some case, in exact numbers."""
        for call in self.calls:
            arguments = with_arguments(call.case.arguments, fit.inferred)
            try:
                ours, theirs = (
                    [np.asarray(leaf, dtype=float) for leaf in tree_leaves(function(**arguments))]
                    for function in (self.formula.raw, fit.variant.function)
                )
            except Exception:  # a variant may fail in any way
                continue
            for own, other in zip(ours, theirs, strict=True):
                if np.any(np.abs(own - other) > FLOAT_NOISE * np.max(np.abs(own), initial=0.0)):
                    return True
        return False

    @functools.cached_property
    def order(self) -> dict[str, int]:
        """The position of each variant in the registry."""
        return {variant.id: position for position, variant in enumerate(variants_of(self.formula))}

    def unstable_form(self, own: VariantFit) -> VariantFit | None:
        """Return a form that is equal in real numbers and loses digits where this function does, among the cases that strain floats."""
        deviating = own.error.deviating_cases if own.error else ()
        straining = {call.case.name for call in self.calls if call.case.strains_floats}
        if not deviating or not straining.issuperset(deviating):
            return None
        for variant in variants_of(self.formula):
            if variant.unstable or is_one_pass_formula(variant):
                calls = self.calls_of_variant(variant, own.inferred)
                lost = measure(self.formula.raw, calls, own.inferred, self.dtype, ALLOWED).deviating_cases
                if set(deviating) <= set(lost):
                    return VariantFit(variant, own.inferred, own.distance, own.error)
        return None

    def calls_of_variant(self, variant: Variant, inferred: Mapping[str, Any]) -> list[FunctionCall]:
        """Return the calls with the outputs of a variant in floats of this dtype in the place of the function's."""
        calls = []
        for call in self.calls:
            arguments = {name: in_dtype(value, self.dtype) for name, value in with_arguments(call.case.arguments, inferred).items()}
            try:
                outputs = tuple(np.asarray(output) for output in tree_leaves(variant.function(**arguments)))
            except Exception:  # a variant may fail in any way
                continue
            if all(np.all(np.isfinite(output)) for output in outputs) and len(outputs) == len(call.outputs):
                calls.append(replace(call, outputs=outputs))
        return calls


EXPLAINED = 3 / 4  # of the cases in which a function leaves its formula, a mistake is certified in so many at the least


def explains(fit: VariantFit, own: VariantFit) -> bool:
    """Return whether a mistake speaks of the cases in which a function leaves its formula: it may be undefined in a few of them."""
    deviating = set(own.error.deviating_cases) if own.error else set()
    return fit.error is not None and len(deviating.intersection(fit.error.certified_cases)) >= EXPLAINED * len(deviating)


def alone(outputs: tuple[Any, ...], position: int) -> tuple[Any, ...]:
    """Return outputs of which one alone is looked at."""
    return tuple(output if number == position else None for number, output in enumerate(outputs))


def near(ranked: list[VariantFit]) -> list[VariantFit]:
    """Return the fits that are close, and a few more."""
    return [fit for position, fit in enumerate(ranked) if fit.distance <= CLOSE or position < ALWAYS_MEASURED]


def distant(ranked: list[VariantFit]) -> list[VariantFit]:
    """Return the fits that are another function, nearest first."""
    return [fit for fit in ranked if fit.distance > CLOSE and not fit.variant.unstable]


def is_one_pass_formula(variant: Variant) -> bool:
    """Return whether another formula of the catalogue is a form that loses digits."""
    return variant.right and variant.id.endswith(".one_pass")
