"""Hypothesis: derandomized unless a long random run is asked for with HYPOTHESIS_PROFILE=long. No test sees the results of earlier runs."""

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("ci", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

collect_ignore = ["third_party"]  # a project of its own: tests/spec/conformance/test_checks.py runs it


@pytest.fixture(autouse=True)
def kept_results(tmp_path_factory, monkeypatch):
    """Let `trainspec verify` keep its results in a folder of the test."""
    monkeypatch.setenv("TRAINSPEC_CACHE", str(tmp_path_factory.getbasetemp() / "kept" / os.urandom(8).hex()))
