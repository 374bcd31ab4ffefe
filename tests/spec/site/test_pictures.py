"""Pictures: every one that is stated is drawn, in the colours of the page, with a text alternative, and the same each time."""

import json
import re

import numpy as np
import pytest
from trainspec.reference import FORMULAS
from trainspec.spec.conformance.optimizers.conventions import FAMILIES
from trainspec.spec.conformance.optimizers.fixtures import VECTOR
from trainspec.spec.site.pictures import (
    LANDSCAPES,
    Dial,
    activations,
    best_course,
    course,
    curve_of,
    curve_values,
    dials_of,
    draws_layers,
    functions_of,
    is_step,
    keyword_names,
    limits_around,
    moves_points,
    numbers_of,
    pictures_of,
    settings,
)

from tests.support.kernels import ELEMENTWISE, ROUNDED_OTHERWISE


def test_the_values_of_pictures_are_those_of_formulas_that_there_are():
    known = settings()
    assert {*known["curves"], *known["overrides"], *known["compared"]} <= FORMULAS.keys()
    for record in [known["dials"], *known["overrides"].values()]:
        assert all(smallest <= value <= largest for value, smallest, largest in record.values())


def test_schedules_activations_and_steps_are_drawn_without_being_named():
    drawn = {identifier for identifier in FORMULAS if curve_of(identifier)}
    assert {"schedule.cosine", "schedule.wsd", "activation.gelu", "activation.mish", *settings()["curves"]} <= drawn
    steps = {identifier for identifier in FORMULAS if is_step(identifier)}
    assert {"optimizers.gd.batch", "optimizers.momentum.heavy_ball", "optimizers.adam", "optimizers.rprop"} <= steps
    assert len(drawn) > 30
    assert len(steps) > 25


@pytest.mark.parametrize("identifier", ["optimizers.adam", "schedule.cosine", "init.he.normal"])
def test_a_picture_has_the_colours_of_the_page_and_is_the_same_each_time(identifier):
    for picture, again in zip(pictures_of(identifier), pictures_of(identifier), strict=True):
        assert picture == again
        assert picture.svg.startswith("<svg")
        assert 'role="img"' in picture.svg
        assert len(re.search(r'aria-label="([^"]+)"', picture.svg)[1]) > 40
        assert "var(--line-1)" in picture.svg
        assert not re.search(r"#0[123]0[0-9]{3}|<metadata|<style", picture.svg)
        if picture.drawing:
            drawing = json.loads(picture.drawing)
            for line in drawing["lines"]:
                assert f"function {line['function']}(" in functions_of(identifier)
                others = {dial.name for dial in picture.dials} | {drawing.get("along")}
                assert set(line["arguments"]) <= others | {"theta", "grad", "m", "v", "t"}


def test_a_curve_is_the_formula():
    values = curve_values("schedule.linear", "step", np.arange(0, 101), {"lr": 0.1, "end": 0.0, "horizon": 100})
    assert np.allclose(values, 0.1 * (1 - np.arange(0, 101) / 100))


def test_what_the_layers_do_is_what_the_initializers_are_for():
    """He's weights keep the mean square through ReLU, and LeCun's halve it in each layer."""
    kept, halved = (np.mean([*activations(name, lambda z: np.maximum(z, 0))][-1] ** 2) for name in ("init.he.normal", "init.lecun.normal"))
    assert 0.3 < kept < 1.5
    assert 0.3 < halved * 2**10 < 1.5
    assert draws_layers("init.orthogonal")
    assert not draws_layers("init.gain")


def test_every_step_by_a_gradient_alone_moves_points():
    """AdamW has its own picture beside Adam, and so has what asks for gradients elsewhere; what needs more than a gradient has none."""
    moving = {identifier for identifier in FORMULAS if moves_points(identifier)}
    assert {"optimizers.adamw", "optimizers.nesterov.lookahead", "optimizers.sam", "optimizers.lamb", "optimizers.gd.batch"} <= moving
    assert {family.formula for family in FAMILIES.values() if family.kind == VECTOR} <= moving
    assert not moving & {"optimizers.newton", "optimizers.sam.point", "optimizers.adaptive.ideal", "optimizers.muon", "averaging.ema"}


DRAWN = 1e-3  # of the width of a picture: a third of a pixel


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    "name", sorted({"heavy_ball", *ROUNDED_OTHERWISE} & {FORMULAS[name].__name__ for name in FORMULAS if moves_points(name)})
)
def test_the_kernels_draw_the_same_courses(name):
    """The pictures show the reference's points; those of a kernel that rounds otherwise cannot be told from them, others are the same."""
    kernel, formula = ELEMENTWISE[name]
    values = numbers_of(dials_of(formula.id, keyword_names(formula.raw)))
    for landscape, (gradient, start, *limits) in LANDSCAPES.items():
        rate, points = best_course(formula.id, landscape)
        slope = FORMULAS[gradient].raw
        given = {**values, "lr": rate}
        ours = [np.array(start), *course(formula.id, np.array(start), slope, given, len(points) - 1, kernel)]
        widths = np.array([high - low for low, high in limits])
        assert np.all(np.abs(np.array(ours) - points) <= DRAWN * widths * (name in ROUNDED_OTHERWISE))


def test_limits_are_around_all_values():
    assert limits_around([[0.0, 1.0], [np.nan, -1.0]]) == (-1.12, 1.12)
    assert Dial("horizon", 100, 20, 150).step == 1
    assert Dial("lr", 0.1, 0.0, 0.2).step == 0.001
