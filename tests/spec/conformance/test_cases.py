"""The cases of formulas reach every part of the domains that formulas state: both signs, zeros, ties, axes of length 1."""

import numpy as np
from trainspec.reference import FORMULAS
from trainspec.reference.limits import choices_of
from trainspec.spec.conformance.functions.runner import LARGEST_ARRAY, run_cases
from trainspec.spec.conformance.implementation import FunctionImplementation, Task
from trainspec.spec.inputs.cases import cases, reference_result
from trainspec.spec.inputs.intermediates import largest_array

from ...support.domain_coverage import admitted, reached, real_arguments

UNREACHED = {  # and why
    "adam.step_bound": {"beta2": {"zero"}},  # it divides by it
    "curvature.toy_first_order": {"weights": {"zero"}},  # it divides by them
    "matrix.root_solve": {"eps": {"zero"}},  # of a matrix that is drawn an eigenvalue is below 0, and counts as 0: it divides by its root
    "network.depth_separation.product_gate": {"bend": {"zero"}},  # it divides by it
    "norm.mean.toy": {"w1": {"zero"}, "w2": {"zero"}},  # it divides by a mean that they are factors of
    "norm.mean.toy.slope": {"w1": {"zero"}, "w2": {"zero"}},  # the same
    "optimizers.bfgs.direct": {"step": {"zero"}, "grad_change": {"zero"}},  # they must fit each other, and are not edited
    "optimizers.cg": {"state.grad": {"zero"}, "state.direction": {"zero"}},  # the same
    "optimizers.shampoo": {"eps": {"zero"}},  # as matrix.root_solve
    "optimizers.shampoo.mean": {"eps": {"zero"}},  # the same
}


def parts_of(domain):
    """Return the parts of a domain that a case can reach."""
    parts = admitted(domain)
    parts -= {"zero"} if choices_of(domain.limits) and 0 not in choices_of(domain.limits) else set()
    return parts - ({"one of an axis"} if all(axis.isdigit() for axis in domain.axes) else set())


def unreached_parts(formula):
    """Return the parts of the domains of a formula's real arguments in which no case lies that the formula accepts."""
    missing = {name: parts_of(domain) for name, domain in real_arguments(formula.id).items()}
    for case in cases(formula):
        if not any(missing.values()):
            break
        found = {}
        for name, parts in missing.items():
            argument, _, field = name.partition(".")
            value = case.arguments[argument]
            found[name] = parts & reached(getattr(value, field) if field else value)
        if any(found.values()) and reference_result(formula, case, np.float64) is not None:
            missing = {name: parts - found[name] for name, parts in missing.items()}
    return {name: parts for name, parts in missing.items() if parts}


def test_cases_reach_every_part_of_the_domains():
    unreached = {identifier: unreached_parts(formula) for identifier, formula in FORMULAS.items()}
    assert {identifier: parts for identifier, parts in unreached.items() if parts} == UNREACHED


def test_a_function_of_all_pairs_is_not_asked_where_there_are_too_many():
    contrast = FORMULAS["loss.info_nce"]
    sizes = {case.name: largest_array(contrast.raw, case.arguments) for case in cases(contrast)}
    assert sizes["examples = 65"] == 65**2 < LARGEST_ARRAY < 257**2 == sizes["examples = 257"]
    called = {call.case.name for call in run_cases(FunctionImplementation(contrast, contrast.id), Task("info_nce")).calls}
    assert {name for name, size in sizes.items() if "examples" in name and size < LARGEST_ARRAY} <= called
    assert not {name for name, size in sizes.items() if size > LARGEST_ARRAY} & called
