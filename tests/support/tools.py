"""Compilers and interpreters that tests run where they are installed."""

import shutil

import pytest


def tool(name):
    """The path of a tool; the test is skipped where it is not installed."""
    return shutil.which(name) or pytest.skip(f"{name} is not installed")
