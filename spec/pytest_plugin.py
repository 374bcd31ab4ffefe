"""The pytest plugin: the version of the kit in the header, and a marker on the tests that `parametrize_with_checks` makes."""

from __future__ import annotations

import sys
from typing import Any


def pytest_configure(config: Any) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "trainspec: a check of an implementation, made by parametrize_with_checks")


def pytest_report_header() -> str:
    """What verdicts depend on."""
    from importlib.metadata import version

    return f"trainspec: {version('trainspec')}"


def pytest_itemcollected(item: Any) -> None:
    """Mark the tests that ask a check of a subject: `pytest -m trainspec`."""
    checks = sys.modules.get("trainspec.spec.conformance.checks")
    call = getattr(item, "callspec", None)
    if checks and call and isinstance(call.params.get("check"), checks.Check):
        item.add_marker("trainspec")
