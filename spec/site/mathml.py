"""Formulas as MathML: what `spec.latex` writes, converted by a library."""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Iterable

from math_core import LatexToMathML

from ..latex import Equation, Rendering

FLAT = re.compile(r"\\left\(((?:(?!\\left|\\right|\\frac|\\sqrt|\\begin|\\sum).)*)\\right\)")


@functools.cache
def converter() -> LatexToMathML:
    """Return the converter of LaTeX to MathML."""
    return LatexToMathML()


def mathml_of(rendering: Rendering) -> str:
    """Return the equations of a formula as one block."""
    return display_block(rendering.equations)


def display_block(equations: Iterable[Equation]) -> str:
    """Return equations as one block, aligned at their relations."""
    return block(r"\begin{aligned}" + r" \\ ".join(equation.line for equation in equations) + r"\end{aligned}")


def block(latex: str) -> str:
    """Return LaTeX as a block of its own."""
    return as_text(converter().convert_with_local_state(with_plain_parentheses(latex), displaystyle=True))


def with_plain_parentheses(latex: str) -> str:
    """Return LaTeX whose parentheses grow only around what is tall: without a font for mathematics they grow too much."""
    while (plain := FLAT.sub(r"(\1)", latex)) != latex:
        latex = plain
    return latex


@functools.cache
def line_of(equation: Equation) -> str:
    """Return an equation as a line of its own."""
    latex = rf"\displaystyle {equation.target} {equation.relation} {equation.value}"
    return inline(with_plain_parentheses(latex))


@functools.cache
def inline(latex: str) -> str:
    """Return a symbol or a short expression within a line."""
    return as_text(converter().convert_with_local_state(latex, displaystyle=False))


def as_text(mathml: str) -> str:
    """Return MathML with characters in the place of the entities that only HTML knows."""
    return mathml.replace("&ApplyFunction;", html.unescape("&ApplyFunction;"))
