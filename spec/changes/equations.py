"""Equations of a program, for people."""

from .program import Program


def render(program: Program) -> str:
    """Return the equations of a program."""
    return program.source
