"""Elementwise formulas in C, JavaScript and Rust: written from the syntax tree of the reference, for one entry of the arrays.

    scalar_program("optimizers.adam")        the formula on numbers: its arguments, its statements, its results
    in_language(program, LANGUAGES["c"])     that as a function of C

Every number is a double, counts too. A formula of several results returns an array of them. What is no arithmetic entry by entry has no
scalar program, and NotElementwise says why.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ...reference import FORMULAS
from ...reference.syntax import arguments_of, flat_values, flatten_states, inline_calls, local_names, source_tree, state_arguments
from ...reference.validation import Domain, domains

SCALARS = {"array", "number", "count", "flag"}  # kinds of arguments of which an entry is one number
HELPERS = ("erf", "logaddexp", "sign")  # functions that some languages lack; each has its own
RESERVED = frozenset("box case const default double float fn in int let loop new ref static type var".split())  # noqa: SIM905 - a list of words
CONDITION, COMPARISON, SUM, PRODUCT, SIGN, POWER, ATOM = range(7)  # how tightly an expression holds together
OPERATORS: Mapping[type[ast.operator], tuple[str, int]] = {
    ast.Add: ("+", SUM),
    ast.Sub: ("-", SUM),
    ast.Mult: ("*", PRODUCT),
    ast.Div: ("/", PRODUCT),
}
COMPARISONS: Mapping[type[ast.cmpop], str] = {ast.Lt: "<", ast.Gt: ">", ast.LtE: "<=", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}


class NotElementwise(ValueError):
    """A formula that is more than arithmetic entry by entry; the message names what is more."""


@dataclass(frozen=True)
class ScalarProgram:
    """A formula on numbers: its name, its arguments, assignments of single names, its results with their names."""

    name: str
    arguments: tuple[str, ...]
    flags: frozenset[str]  # arguments that are truth values
    statements: tuple[tuple[str, ast.expr], ...]
    results: tuple[tuple[str, ast.expr], ...]


# --- the formula on numbers -----------------------------------------------------------------------------------------------------------


@functools.cache
def scalar_program(identifier: str) -> ScalarProgram:
    """Return a formula on numbers; NotElementwise if it is more than arithmetic entry by entry."""
    formula = FORMULAS[identifier]
    stated = domains(formula.raw)
    inner = list(inner_domains(stated.values()))
    if unfit := {domain.noun for domain in inner if domain.kind not in SCALARS or domain.optional or domain.whole}:
        raise NotElementwise(f"{formula.__name__}() takes {', '.join(sorted(unfit))}")
    if len({tuple(domain.axes) for domain in inner if domain.kind == "array"}) > 1:
        raise NotElementwise(f"{formula.__name__}() takes arrays of several shapes")
    tree, _ = inline_calls(source_tree(formula.raw), formula.raw.__globals__)
    states = state_arguments(formula.raw)
    tree = flatten_states(tree, states)
    renaming = short_names(tree, {name: kind._fields for name, kind in states.items()})  # type: ignore[attr-defined]
    tree = Renaming({**renaming, **{name: f"{name}_" for name in RESERVED}}).visit(tree)
    flags = {name for name, domain in stated.items() if domain.kind == "flag"}
    *body, last = tree.body
    statements = tuple(pair for statement in body for pair in assignments(statement))
    values = flat_values(returned_value(last))
    program = ScalarProgram(
        formula.__name__,
        tuple(argument.arg for argument in arguments_of(tree)),
        frozenset(flags),
        statements,
        tuple(zip(result_names(identifier, values, renaming), values, strict=True)),
    )
    in_language(program, LANGUAGES["javascript"])  # raises where it calls what is no arithmetic
    return program


def inner_domains(stated: Iterable[Domain]) -> Iterator[Domain]:
    """Yield domains, of a state those of its fields."""
    for domain in stated:
        yield from inner_domains(domain.fields.values()) if domain.kind == "state" else (domain,)


def short_names(tree: ast.FunctionDef, states: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Return the name of each field of a state as it is called without the state, where nothing else has that name."""
    taken = local_names(tree)
    pairs = [(f"{state}_{field}", field) for state, fields in states.items() for field in fields]
    return {long: field for long, field in pairs if field not in taken or is_same_value(tree, field, long)}


def is_same_value(tree: ast.FunctionDef, name: str, field: str) -> bool:
    """Return whether a name gets its first value from a field, which is not read afterwards: the two may then be the same."""
    reads = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == field and isinstance(node.ctx, ast.Load)]
    first = tree.body[0]
    unpacked = dict(assignments(first)) if isinstance(first, ast.Assign) else {}
    value = unpacked.get(name)
    return len(reads) == 1 and isinstance(value, ast.Name) and value.id == field


class Renaming(ast.NodeTransformer):
    """Give names other names."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Return the name under its other name."""
        return ast.Name(self.names.get(node.id, node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Return the argument under its other name."""
        return ast.arg(self.names.get(node.arg, node.arg))


def assignments(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """Yield what a statement assigns to single names; nothing for a name that is assigned to itself."""
    match statement:
        case ast.Assign([ast.Name(name)], value):
            pairs = [(name, value)]
        case ast.Assign([ast.Tuple(targets)], ast.Tuple(values)) if len(targets) == len(values):
            pairs = [(ast.unparse(target), value) for target, value in zip(targets, values, strict=True)]
        case _:
            raise NotElementwise(f"{ast.unparse(statement)} is no assignment")
    assigned = [name for name, _ in pairs]
    for index, (name, value) in enumerate(pairs):
        if any(node.id in assigned[:index] for node in ast.walk(value) if isinstance(node, ast.Name)):
            raise NotElementwise(f"{ast.unparse(statement)} assigns several names at once")
        if not (isinstance(value, ast.Name) and value.id == name):
            yield name, value


def returned_value(statement: ast.stmt) -> ast.expr:
    """Return what the last statement returns."""
    if not isinstance(statement, ast.Return) or statement.value is None:
        raise NotElementwise(f"{ast.unparse(statement)} returns nothing")
    return statement.value


def result_names(identifier: str, values: list[ast.expr], renaming: Mapping[str, str]) -> list[str]:
    """Return the names of results: of a step what they are the next values of, else their own, or that they are results."""
    fields = [*renaming.values()]
    if len(values) == 1:
        return [FORMULAS[identifier].__name__]
    if identifier.startswith("optimizers.") and len(values) == 1 + len(fields):
        return ["theta", *fields]
    return [value.id if isinstance(value, ast.Name) else f"result {number}" for number, value in enumerate(values, start=1)]


# --- languages ------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Language:
    """How a language writes numbers, functions, choices and definitions."""

    name: str
    title: str
    functions: Mapping[str, str]
    helpers: Mapping[str, str]  # definitions of functions that it lacks
    real_literals: bool  # whether 1 must be written 1.0 to be a double
    comment: str = "//"

    def power(self, base: str, exponent: str) -> tuple[str, int]:
        """Return a power."""
        return f"{self.functions['power']}({base}, {exponent})", ATOM

    def choice(self, test: str, value: str, otherwise: str) -> tuple[str, int]:
        """Return the value in either case."""
        if self.name == "rust":
            return f"if {test} {{ {value} }} else {{ {otherwise} }}", CONDITION
        return f"{test} ? {value} : {otherwise}", CONDITION

    def definition(self, program: ScalarProgram, lines: list[str], results: list[str]) -> str:
        """Return a function with these lines and results."""
        names = ", ".join(self.argument(name, is_flag=name in program.flags) for name in program.arguments)
        many = len(results) > 1
        if self.name == "c":
            head = f"void {program.name}({names}, double result[{len(results)}])" if many else f"double {program.name}({names})"
            closing = [f"result[{index}] = {result};" for index, result in enumerate(results)] if many else [f"return {results[0]};"]
        elif self.name == "javascript":
            head = f"function {program.name}({names})"
            closing = [f"return [{', '.join(results)}];" if many else f"return {results[0]};"]
        else:
            head = f"fn {program.name}({names}) -> {f'[f64; {len(results)}]' if many else 'f64'}"
            closing = [f"[{', '.join(results)}]" if many else results[0]]
        return "\n".join([f"{head} {{", *(f"    {line}" for line in (*lines, *closing)), "}"])

    def argument(self, name: str, *, is_flag: bool) -> str:
        """Return the declaration of an argument."""
        return {"c": f"{'int' if is_flag else 'double'} {name}", "javascript": name, "rust": f"{name}: {'bool' if is_flag else 'f64'}"}[
            self.name
        ]

    def declaration(self, name: str, value: str, *, is_new: bool) -> str:
        """Return the assignment of a name, which is new or not."""
        new = {"c": f"double {name} = {value};", "javascript": f"let {name} = {value};", "rust": f"let {name} = {value};"}
        return new[self.name] if is_new or self.name == "rust" else f"{name} = {value};"


COMMON = ("exp", "log", "sqrt", "tanh", "sin", "cos", "floor")
C_SIGN = "static double sign(double x) { return (x > 0) - (x < 0); }"
C_LOGADDEXP = "static double logaddexp(double a, double b) { return fmax(a, b) + log1p(exp(-fabs(a - b))); }"
JS_SIGN = "function sign(x) { return (x > 0) - (x < 0); }"
JS_LOGADDEXP = "function logaddexp(a, b) { return Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b))); }"
JS_ERF = """function erf(x) { // all terms of the series have one sign
    if (Math.abs(x) > 6) return Math.sign(x);
    let term = x, sum = x;
    for (let n = 1; n < 150; n += 1) { term *= 2 * x * x / (2 * n + 1); sum += term; }
    return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
}"""
RUST_SIGN = "fn sign(x: f64) -> f64 { if x == 0.0 { 0.0 } else { f64::signum(x) } }"
RUST_LOGADDEXP = "fn logaddexp(a: f64, b: f64) -> f64 { f64::max(a, b) + f64::ln_1p(f64::exp(-f64::abs(a - b))) }"
RUST_ERF = """fn erf(x: f64) -> f64 { // all terms of the series have one sign
    if f64::abs(x) > 6.0 { return f64::signum(x); }
    let (mut term, mut sum) = (x, x);
    for n in 1..150 { term *= 2.0 * x * x / f64::from(2 * n + 1); sum += term; }
    2.0 / f64::sqrt(std::f64::consts::PI) * f64::exp(-x * x) * sum
}"""

LANGUAGES: Mapping[str, Language] = {
    "c": Language(
        "c",
        "C",
        {**{name: name for name in (*COMMON, *HELPERS)}, "abs": "fabs", "arctan": "atan", "maximum": "fmax", "minimum": "fmin"}
        | {"power": "pow", "pi": "M_PI"},
        {"sign": C_SIGN, "logaddexp": C_LOGADDEXP},
        real_literals=True,
    ),
    "javascript": Language(
        "javascript",
        "JavaScript",
        {**{name: f"Math.{name}" for name in COMMON}, **{name: name for name in HELPERS}}
        | {"abs": "Math.abs", "arctan": "Math.atan", "maximum": "Math.max", "minimum": "Math.min", "power": "Math.pow", "pi": "Math.PI"},
        {"sign": JS_SIGN, "logaddexp": JS_LOGADDEXP, "erf": JS_ERF},
        real_literals=False,
    ),
    "rust": Language(
        "rust",
        "Rust",
        {**{name: f"f64::{name}" for name in COMMON}, **{name: name for name in HELPERS}}
        | {"log": "f64::ln", "abs": "f64::abs", "arctan": "f64::atan", "maximum": "f64::max", "minimum": "f64::min"}
        | {"power": "f64::powf", "pi": "std::f64::consts::PI"},
        {"sign": RUST_SIGN, "logaddexp": RUST_LOGADDEXP, "erf": RUST_ERF},
        real_literals=True,
    ),
}


def in_language(program: ScalarProgram, language: Language) -> str:
    """Return a program as a function of a language."""
    writer = Writer(language, program.flags)
    known, lines = set(program.arguments), []
    for name, value in program.statements:
        lines.append(language.declaration(name, writer.assigned(name, value), is_new=name not in known))
        known.add(name)
    return language.definition(program, lines, [writer.number(value) for _, value in program.results])


def helpers_of(code: str, language: Language) -> list[str]:
    """Return the definitions of the functions that code calls and the language lacks."""
    return [definition for name, definition in language.helpers.items() if f"{name}(" in code]


class Writer:
    """Write the expressions of one program in a language."""

    def __init__(self, language: Language, flags: frozenset[str]) -> None:
        self.language, self.truths = language, set(flags)

    def assigned(self, name: str, value: ast.expr) -> str:
        """Return a value that is assigned to a name, which is a truth value from then on if the value is."""
        if self.is_truth(value):
            self.truths.add(name)
            return self.truth(value)
        self.truths.discard(name)
        return self.number(value)

    def is_truth(self, node: ast.expr) -> bool:
        """Return whether an expression is a truth value."""
        match node:
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp(ast.Not() | ast.Invert()):
                return True
            case ast.BinOp(left, ast.BitAnd() | ast.BitOr(), _):
                return self.is_truth(left)
            case ast.Name(name):
                return name in self.truths
        return False

    def truth(self, node: ast.expr) -> str:
        """Return an expression as a truth value."""
        match node:
            case ast.Compare(left, [operator], [right]) if type(operator) in COMPARISONS:
                return f"{self.number(left, SUM)} {COMPARISONS[type(operator)]} {self.number(right, SUM)}"
            case ast.BinOp(left, ast.BitAnd(), right) | ast.BoolOp(ast.And(), [left, right]):
                return f"({self.truth(left)}) && ({self.truth(right)})"
            case ast.BinOp(left, ast.BitOr(), right) | ast.BoolOp(ast.Or(), [left, right]):
                return f"({self.truth(left)}) || ({self.truth(right)})"
            case ast.UnaryOp(ast.Not() | ast.Invert(), operand):
                return f"!({self.truth(operand)})"
            case ast.Name(name) if name in self.truths:
                return name
        return f"{self.number(node, SUM)} != {self.literal(0)}"

    def literal(self, value: float) -> str:
        """Return a number."""
        return repr(float(value)) if self.language.real_literals else repr(value)

    def number(self, node: ast.expr, at_least: int = CONDITION) -> str:
        """Return an expression as a number, in parentheses if it holds together less tightly than its place asks for."""
        if self.is_truth(node):
            node = ast.IfExp(node, ast.Constant(1), ast.Constant(0))
        text, tightness = self.written(node)
        return text if tightness >= at_least else f"({text})"

    def written(self, node: ast.expr) -> tuple[str, int]:
        """Return an expression and how tightly it holds together."""
        match node:
            case ast.Name(name):
                return name, ATOM
            case ast.Constant(value) if isinstance(value, int | float) and not isinstance(value, bool):
                return self.literal(value), ATOM
            case ast.Attribute(ast.Name("np"), "pi"):
                return self.language.functions["pi"], ATOM
            case ast.UnaryOp(ast.USub(), operand):
                return f"-{self.number(operand, POWER)}", SIGN
            case ast.BinOp(left, ast.Pow(), right):
                return self.language.power(self.number(left), self.number(right))
            case ast.BinOp(left, ast.FloorDiv(), right):
                return f"{self.language.functions['floor']}({self.number(left, PRODUCT)} / {self.number(right, SIGN)})", ATOM
            case ast.BinOp(left, ast.Mod(), right):
                quotient, _ = self.written(ast.BinOp(left, ast.FloorDiv(), right))
                return f"{self.number(left, SUM)} - {self.number(right, PRODUCT)} * {quotient}", SUM
            case ast.BinOp(left, operator, right) if type(operator) in OPERATORS:
                sign, tightness = OPERATORS[type(operator)]
                return f"{self.number(left, tightness)} {sign} {self.number(right, tightness + 1)}", tightness
            case ast.IfExp(test, value, otherwise):
                inner = self.number(value, CONDITION if self.language.name == "rust" else COMPARISON)
                return self.language.choice(self.truth(test), inner, self.number(otherwise))
            case ast.Call(function, arguments, []):
                return self.call(ast.unparse(function).removeprefix("np."), arguments)
        raise NotElementwise(f"{ast.unparse(node)} is no arithmetic of numbers")

    def call(self, name: str, arguments: list[ast.expr]) -> tuple[str, int]:
        """Return the call of a function."""
        match name, arguments:
            case "where", [test, value, otherwise]:
                return self.written(ast.IfExp(test, value, otherwise))
            case (("zeros_like" | "ones_like"), [_]):
                return self.literal((name == "ones_like" and 1) or 0), ATOM
            case "divide", [left, right]:
                return self.written(ast.BinOp(left, ast.Div(), right))
            case (("max" | "min"), [left, right]):
                return self.call(f"{name}imum", [left, right])
        if name not in self.language.functions or len(arguments) != (2 if name in ("maximum", "minimum", "logaddexp") else 1):
            raise NotElementwise(f"{name}() is no function of numbers here")
        return f"{self.language.functions[name]}({', '.join(map(self.number, arguments))})", ATOM
