"""Pictures of relations, distances, errors and times: they have what is stated, computed or recorded, and say it in words too."""

import re

import numpy as np
import pytest
from trainspec.spec.catalogue import catalogue
from trainspec.spec.conformance.optimizers.conventions import FAMILIES
from trainspec.spec.conformance.optimizers.separation import distances, run_without_implementation
from trainspec.spec.site.diagrams import CLASSES, kernel_pictures, label, nearest_in_words, relations_picture, separation_picture, squares
from trainspec.spec.site.differences import listed_conventions

from tests.support.kernels import ELEMENTWISE, LOOP_KERNELS


def alternative(picture):
    return re.search(r'aria-label="([^"]+)"', picture.svg)[1]


@pytest.mark.parametrize("identifier", ["optimizers.adam", "loss.sigmoid", "loss.softmax_xent.logits.grad"])
def test_relations_are_drawn_with_all_that_are_stated_at_either_end(site_data, identifier):
    picture = relations_picture(identifier, site_data)
    entries = catalogue().entries
    others = [relation.id for relation in site_data.relations[identifier]]
    others += [*site_data.calls.get(identifier, []), *site_data.callers.get(identifier, [])]
    assert others
    assert all(entries[other].title in alternative(picture).replace("&#39;", "'") for other in others)
    assert picture.svg.count("var(--ground)") == 1 + len(set(others))  # a box for each


def test_an_entry_without_relations_has_no_picture_of_them(site_data):
    alone = next(name for name, relations in site_data.relations.items() if not relations and name not in site_data.calls)
    assert relations_picture(alone, site_data) is None


def test_distances_are_those_of_the_fixture_and_the_nearest_pair_is_named():
    conventions = listed_conventions("sign_sgd")
    apart = distances(conventions, run_without_implementation(np.float64))
    assert np.array_equal(apart, apart.T)
    assert not np.any(np.diag(apart))
    text = alternative(separation_picture("sign_sgd"))
    between = apart[np.tril_indices(len(conventions), -1)]
    assert f"{np.sum(between < CLASSES[0])} of {len(between)} pairs are the same" in text
    assert f"{between[between >= CLASSES[0]].min():.2g} bounds apart" in text
    labels = ["a", "b", "c"]
    three = np.array([[0, 0.5, 7], [0.5, 0, 9], [7, 9, 0]])
    assert nearest_in_words(labels, three) == "1 of 3 pairs are the same; of the others a and c are nearest, 7 bounds apart."


@pytest.mark.sampled(6)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_distances_of_every_family_are_drawn(family):
    picture = separation_picture(family)
    assert all(name in picture.caption or f"{name}  " in picture.svg for name in map(label, listed_conventions(family)))


def test_each_cell_is_a_square_of_its_own():
    assert len(squares([(0, 1), (2, 3)]).to_polygons()) == 2


def test_what_is_recorded_of_kernels_is_drawn(site_data):
    errors, times = kernel_pictures("optimizers.adam", site_data)
    record = site_data.kernel_errors["adam"]
    assert f"float32: at most {max(record['errors']['float32']):g}" in alternative(errors)
    assert all(f"{ratio:g} at {size}" in alternative(times) for size, ratio in site_data.benchmarks["adam"]["ratios"])
    assert site_data.benchmarks["adam"]["recorded"] in times.caption
    assert kernel_pictures("momentum.unrolled", site_data) == []


def test_records_are_of_kernels_that_there_are(site_data):
    functions = {catalogue().entries[identifier].function for identifier in site_data.kernels}
    known = {*functions, *ELEMENTWISE, *LOOP_KERNELS, "whole_update", "bound_heavy_ball"}  # the last two are of many tensors
    assert {*site_data.benchmarks, *site_data.kernel_errors} <= known
