"""Evidence reaches every part of the domains: both signs, zeros, ties, axes of length 1. Only a chapter of quick evidence is run here."""

import numpy as np
import pytest
from trainspec.reference import schedules
from trainspec.reference.validation import domains
from trainspec.spec.arithmetic import Ball, Rational, symbols

from ..support.domain_coverage import admitted, gaps, reached


def test_the_evidence_of_schedules_reaches_their_domains():
    assert gaps(["schedules"]) == {}


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        (np.array([[1.0, -2.0]]), {"positive", "negative", "one of an axis"}),
        (np.array([0.0, 0.0]), {"zero", "equal entries"}),
        (Rational(-1), {"negative"}),
        (Ball(2), {"positive"}),
        (symbols("x"), {"negative", "zero", "positive", "equal entries"}),
        (symbols("x", positive=True), {"positive", "equal entries"}),
        (0, {"zero"}),
    ],
)
def test_what_a_value_reaches(value, parts):
    assert reached(value) == parts


def test_what_a_domain_admits():
    stated = domains(schedules.linear_decay.raw)
    assert admitted(stated["end"]) == {"zero", "positive"}
    assert admitted(stated["lr"]) == {"positive"}
    assert admitted(domains(schedules.piecewise_constant.raw)["factors"]) == {"positive", "equal entries", "one of an axis"}
    assert admitted(domains(schedules.reduce_on_plateau.raw)["loss"]) == {"negative", "zero", "positive"}
