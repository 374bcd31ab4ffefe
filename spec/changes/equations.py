"""Equations of a program, for people: made from its statements, so that they cannot say anything else than what runs.

A product is written as factors side by side and binds closer than a quotient: η m / (√v + ε). State is updated with ←, other names are
defined with =. Names that have a symbol in the field are written with it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from .patterns import names_assigned
from .program import NotApplicable, Program, unparsed

SYMBOLS: Mapping[str, str] = {
    "theta": "θ", "grad": "g", "lr": "η", "momentum": "μ", "dampening": "d", "beta1": "β₁", "beta2": "β₂", "beta1_next": "β₁′",
    "eps": "ε", "eps_root": "ε′", "weight_decay": "λ", "lr_decay": "κ", "decay": "ρ", "velocity": "v", "mean_sq": "s", "sum_sq": "s",
    "mean_sq_step": "D", "mean": "ḡ", "variance": "σ²", "m_hat": "m̂", "v_hat": "v̂", "v_max": "v⁺", "direction": "q", "weight": "w",
    "ahead": "w′", "this": "β", "next": "β′", "momentum_decay": "ψ", "size": "δ", "step": "Δ", "last_grad": "ĝ", "turn": "τ",
    "kept": "g′", "grow": "η⁺", "shrink": "η⁻", "smallest": "δmin", "largest": "δmax", "gradient": "∇f", "steps": "k", "share": "r₁",
    "initial_second_moment": "s₀", "longest": "l∞", "length": "l", "rectified": "r", "rectification": "R", "denominator": "N",
    "initial_size": "δ₀", "previous": "v₋", "norm": "n",
    "beta3": "β₃", "s_hat": "ŝ", "n_hat": "n̂", "slow": "m′", "slow_weight": "a", "change": "Δg", "has_previous": "p",
    "normalized": "u", "corrected": "c", "cut": "c", "rate": "r", "low": "l", "high": "h", "final_lr": "η*", "convergence": "γ",
    "clip_exponent": "κ", "change_weight": "γ", "kept_share": "φ̄", "smallest_share": "φmin",
    "scale": "s", "coefficients": "C", "ns_a": "a", "ns_b": "b", "ns_c": "c", "ns_steps": "k", "rms": "ρ",
    "row_count": "m", "column_count": "n",
    "left": "L", "right": "R", "solved": "X", "distance": "d", "longer": "d′", "initial_distance": "d₀", "start": "θ⁰",
    "blend": "c", "left_hat": "L̂", "right_hat": "R̂", "row_basis": "P", "column_basis": "Q", "period": "k",
    "average": "θ̄", "point": "θ₊", "averaging": "α", "clip_value": "c", "clip_norm": "c",
}  # fmt: skip
SUPERSCRIPTS = str.maketrans("0123456789t+-()", "⁰¹²³⁴⁵⁶⁷⁸⁹ᵗ⁺⁻⁽⁾")
FUNCTIONS: Mapping[str, str] = {
    "maximum": "max", "minimum": "min", "max": "max", "min": "min", "sign": "sign", "exp": "exp", "log": "log", "mean": "mean",
    "newton_schulz": "NewtonSchulz", "linalg.outer": "outer", "mean of rows": "rowmeans", "mean of columns": "columnmeans",
    "turned_basis": "turned",
}  # fmt: skip
CONDITION, SUM, QUOTIENT, PRODUCT, POWER = range(5)  # how close an expression binds
COMPARISONS: Mapping[type[ast.cmpop], str] = {ast.Gt: ">", ast.Lt: "<", ast.GtE: "≥", ast.LtE: "≤", ast.Eq: "="}


def render(program: Program) -> str:
    """Return the equations of a program, separated by commas: initial values that are not 0, then one for every statement."""
    starts = [f"{symbol(name)}₀ = {text}" for name, value in starts_not_zero(program) if (text := expression(value)) != f"{symbol(name)}₀"]
    lines = [equation(statement, program) for statement in program.statements if not goes_without_saying(statement)]
    return ",   ".join([*starts, *lines])


def starts_not_zero(program: Program) -> Iterator[tuple[str, ast.expr]]:
    """Yield the state that does not start at 0, with its initial value."""
    for name, value in program.state.items():
        if unparsed(start := without_shape(value)) != "0":
            yield name, start


def without_shape(value: ast.expr) -> ast.expr:
    """Return an initial value, without the 0 · θ that gives it the shape of θ."""
    match value:
        case ast.BinOp(ast.Constant(0) as zero, ast.Mult(), _):
            return zero
        case ast.BinOp(number, ast.Add(), ast.BinOp(ast.Constant(0), ast.Mult(), ast.Name("theta"))):
            return number
    return value


def goes_without_saying(statement: ast.stmt) -> bool:
    """Return whether a statement takes the gradient at the point itself."""
    return unparsed(statement) == "grad = gradient(theta)"


def equation(statement: ast.stmt, program: Program) -> str:
    """Return the equation of one statement."""
    if not (isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)):
        raise NotApplicable(f"{unparsed(statement)} is no assignment of one name")
    name = statement.targets[0].id
    updates = name in ("theta", *program.state) or is_reassigned(name, program, statement)
    return f"{symbol(name)} {'←' if updates else '='} {expression(statement.value)}"


def is_reassigned(name: str, program: Program, statement: ast.stmt) -> bool:
    """Return whether a name has a value already where a statement assigns it: an argument, or an earlier statement's."""
    earlier = program.statements[: program.statements.index(statement)]
    return name in ("lr", *program.parameters) or any(name in names_assigned(line) for line in earlier)


def symbol(name: str) -> str:
    """Return the symbol of a name; one from before an update or of the step before has a mark."""
    for ending, mark in (("_before", "₋"), ("_now", "ₙ"), ("_next", "₊")):
        if name.endswith(ending) and name not in SYMBOLS:
            return symbol(name.removesuffix(ending)) + mark
    return "η₁" if name == "first_lr" else SYMBOLS.get(name, name)


def expression(node: ast.expr, closeness: int = CONDITION) -> str:
    """Return an expression, in parentheses where it binds less close than asked for."""
    text, own = written(node)
    return f"({text})" if own < closeness else text


def written(node: ast.expr) -> tuple[str, int]:
    """Return an expression without parentheses around it, and how close it binds."""
    match node:
        case ast.Name(name):
            return symbol(name), POWER + 1
        case ast.Constant(value):
            return str(value), POWER + 1
        case ast.UnaryOp(ast.USub(), operand):
            return f"−{expression(operand, PRODUCT)}", SUM
        case ast.BinOp(left, ast.Add() | ast.Sub() as operator, right):
            return f"{expression(left, SUM)} {'+' if isinstance(operator, ast.Add) else '−'} {expression(right, QUOTIENT)}", SUM
        case ast.Tuple() | ast.Subscript() | ast.BinOp(ast.Tuple(), ast.Mult(), _):
            return table(node)
        case ast.BinOp(left, ast.Mult() | ast.MatMult(), right):
            return f"{expression(left, PRODUCT)} {expression(right, POWER)}", PRODUCT
        case ast.BinOp(left, ast.Div(), right):
            return f"{expression(left, QUOTIENT)} / {expression(right, POWER)}", QUOTIENT
        case ast.BinOp(left, ast.Pow(), right):
            return f"{expression(left, POWER + 1)}{exponent(right)}", POWER
        case ast.IfExp(test, body, otherwise):
            return f"{expression(body, SUM)} if {expression(test)} else {expression(otherwise)}", CONDITION
        case ast.Compare(left, [operator], [right]):
            return f"{expression(left, SUM)} {COMPARISONS[type(operator)]} {expression(right, SUM)}", CONDITION
        case ast.Call(ast.Attribute(_, "mean"), arguments, [ast.keyword("axis", ast.Constant(int(axis)))]):
            return call(f"mean of {('columns', 'rows')[axis]}", arguments)
        case ast.Call(function, arguments, keywords):
            name = ast.unparse(function).removeprefix("np.")
            return call(name, [*arguments, *(keyword.value for keyword in keywords if name in (*FUNCTIONS, "root_solve"))])
    raise NotApplicable(f"{ast.unparse(node)} has no equation")


def table(node: ast.expr) -> tuple[str, int]:
    """Return rows of numbers: one row, one row so many times, or the first ones of several rows of which the last is repeated."""
    match node:
        case ast.BinOp(ast.Tuple([row]), ast.Mult(), count):
            return f"{expression(count, POWER)} × {expression(row)}", PRODUCT
        case ast.Tuple(parts):
            return f"({', '.join(expression(part) for part in parts)})", POWER + 1
        case ast.Subscript(ast.Tuple([*rows, ast.Starred(last)]), ast.Slice(None, count)) if count is not None:
            return f"{', '.join(map(expression, rows))}, {expression(last)}, of these the first {expression(count)}", CONDITION
    raise NotApplicable(f"{ast.unparse(node)} has no equation")


def exponent(node: ast.expr) -> str:
    """Return a power: raised where it is short, else after a caret."""
    text = ast.unparse(node).replace(" ", "")
    return text.translate(SUPERSCRIPTS) if set(text) <= set("0123456789t+-") else f"^({expression(node)})"


def call(name: str, arguments: list[ast.expr]) -> tuple[str, int]:
    """Return the call of a function, and how close it binds."""
    if name == "sqrt" and (vector := norm_of(arguments[0])):
        return f"‖{expression(vector)}‖", POWER + 1
    if name == "transpose":
        return f"{expression(arguments[0], POWER + 1)}ᵀ", POWER + 1
    if name == "root_solve":
        matrix, right, order, eps = arguments
        shifted = expression(ast.BinOp(matrix, ast.Add(), eps), POWER + 1)
        return f"{shifted}^(−1/{expression(order, POWER + 1)}) {expression(right, POWER)}", PRODUCT
    if name == "sum":
        return f"Σ {expression(arguments[0], PRODUCT)}", PRODUCT
    if name == "size":
        return "n", POWER + 1
    if name == "sqrt":
        return f"√{expression(arguments[0], POWER + 1)}", POWER + 1
    if name == "abs":
        return f"|{expression(arguments[0])}|", POWER + 1
    if name == "where":
        return written(ast.IfExp(arguments[0], arguments[1], arguments[2]))
    if name == "all":
        return written(arguments[0])
    if name == "gradient":
        return f"∇f({expression(arguments[0])})", POWER + 1
    if name in FUNCTIONS:
        return f"{FUNCTIONS[name]}({', '.join(expression(argument) for argument in arguments)})", POWER + 1
    raise NotApplicable(f"{name} has no symbol")


def norm_of(node: ast.expr) -> ast.expr | None:
    """Return the vector whose norm has this expression under its root, if it is the sum of the squares of one."""
    match node:
        case ast.Call(ast.Attribute(ast.Name("np"), "sum"), [ast.BinOp(vector, ast.Pow(), ast.Constant(2))], []):
            return vector
    return None


def without_argument(program: Program, name: str) -> Program:
    """Return the program where a hyper-parameter is 0, so that its terms are not written."""
    return program.replaced({name: "0"}) if name in program.parameters else program
