"""Hypothesis: derandomized unless a long random run is asked for with HYPOTHESIS_PROFILE=long. No test sees the results of earlier runs.

Of the cases of a test, or of the tests of a file, marked `sampled(n)`, a run of everything takes one of every n, always the same;
`--whole`, `-k` and tests named on the command line take all that they select.
"""

import collections
import math
import os
import zlib

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("ci", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

collect_ignore = ["third_party"]  # a project of its own: tests/spec/conformance/test_checks.py runs it


@pytest.fixture(scope="session", autouse=True)
def no_earlier_results(tmp_path_factory):
    """Let what is made once for many tests, such as the site, see no results of earlier runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRAINSPEC_CACHE", str(tmp_path_factory.getbasetemp() / "kept" / "session"))
        yield


@pytest.fixture(autouse=True)
def kept_results(tmp_path_factory, monkeypatch):
    """Let `trainspec verify` keep its results in a folder of the test."""
    monkeypatch.setenv("TRAINSPEC_CACHE", str(tmp_path_factory.getbasetemp() / "kept" / os.urandom(8).hex()))


def pytest_addoption(parser):
    parser.addoption("--whole", action="store_true", help="run all generated tests, not a sample of them")
    parser.addoption("--screenshots", metavar="FOLDER", help="keep the pictures that the tests in a browser take of pages")


def find_sample(items):
    """Return those of one test's cases, or of a file's tests without cases, that a run of everything takes, which depends on names."""
    marker = items[0].get_closest_marker("sampled")
    if marker is None:
        return set(items)
    ordered = sorted(items, key=lambda item: (zlib.crc32(item.name.encode()), item.name))
    return set(ordered[: math.ceil(len(items) / marker.args[0])])


def pytest_collection_modifyitems(config, items):
    if config.option.whole or config.option.keyword or any("::" in argument for argument in config.args):
        return
    cases = collections.defaultdict(list)
    for item in items:
        cases[item.nodeid.partition("[" if hasattr(item, "callspec") else "::")[0]].append(item)
    sample = set().union(*(find_sample(group) for group in cases.values()))
    config.hook.pytest_deselected(items=[item for item in items if item not in sample])
    items[:] = [item for item in items if item in sample]
