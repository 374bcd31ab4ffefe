r"""A formula as LaTeX, rendered from the syntax tree of its function; nothing is typed a second time.

    rendering = latex_of(FORMULAS["optimizers.momentum.heavy_ball"])
    rendering.text        % v: velocity …  \begin{aligned} v &\leftarrow \mu \, v - \eta \, g \\ …

Notation: `\,` multiplies entry by entry, `\cdot` is the product of matrices, ⊗ the outer one; a function's index is the axis along which it
works, and a star says that this axis stays, of length 1; after a semicolon stands what it takes by its name. Names that the field writes as
symbols are symbols, in each formula different ones; a comment says what each stands for. A field of a state is written as the variable that
takes its place.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from ..reference import FORMULAS
from ..reference.syntax import arguments_of, inline_calls, local_names, source_tree, state_arguments

GREEK = frozenset(
    {"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi"}
    | {"pi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega"}
)  # spelled out, they are LaTeX's own commands
SYMBOLS: Mapping[str, str] = {
    "lr": r"\eta",
    "grad": "g",
    "momentum": r"\mu",
    "velocity": "v",
    "decay": r"\rho",
    "weight_decay": r"\lambda",
    "eps": r"\varepsilon",
    "curvature": "h",
    "hessian": "H",
    "weight": "W",
    "weights": "W",
    "bias": "b",
    "mean_sq": "s",
    "sum_sq": "s",
    "mean": r"\bar{x}",
    "var": r"\sigma^{2}",
    "variance": r"\sigma^{2}",
    "std": r"\sigma",
    "deviation": r"\sigma",
    "fan_in": r"n_{\mathrm{in}}",
    "fan_out": r"n_{\mathrm{out}}",
    "gradient": r"\nabla f",
}
FUNCTIONS: Mapping[str, str] = {  # of NumPy, by their names in LaTeX
    "exp": r"\exp",
    "log": r"\log",
    "tanh": r"\tanh",
    "arctan": r"\arctan",
    "sin": r"\sin",
    "cos": r"\cos",
    "maximum": r"\max",
    "minimum": r"\min",
    "max": r"\max",
    "min": r"\min",
    "sqrt": r"\sqrt",
}
INDICES = frozenset({"root", "grad", "step", "next", "before", "now"})  # ends of names that are written as indices
ARGUMENTS_ONLY = frozenset({"weight", "weights", "bias"})  # whose symbols neither a local variable nor a field takes
BESIDE = {"mean": "x"}  # whose symbol stands only where the other name does
SPELLED_OUT = {"max": r"\operatorname{max}", "min": r"\operatorname{min}"}  # along an axis, unlike the maximum of two values
SIGNS_OF_AXES = {r"}_{0": "f_0: along axis 0", r"}_{1": "f_1: along axis 1", r"}^{\ast}": "f^{\\ast}: that axis stays, with length 1"}
COMPARISONS = {ast.Lt: "<", ast.Gt: ">", ast.LtE: r"\le", ast.GtE: r"\ge", ast.Eq: "=", ast.Is: "="}

SUM, PRODUCT, FRACTION, POWER, ATOM = range(2, 7)  # how tightly an expression holds together; a comparison is 1
COMPARISON = 1


@dataclass(frozen=True)
class Equation:
    """One line: what is assigned to what, or a line of words such as the head of a loop, at a depth of indentation."""

    target: str
    relation: str
    value: str
    depth: int = 0

    @property
    def line(self) -> str:
        """Return the line within an `aligned` environment."""
        indent = r"\quad " * self.depth
        return f"{indent}{self.target} &{self.relation} {self.value}" if self.relation else f"& {indent}{self.value}"


@dataclass(frozen=True)
class Rendering:
    """A function as equations: the steps, the results, and the symbols by the names they stand for."""

    name: str
    steps: tuple[Equation, ...]
    results: tuple[str, ...]
    closing: tuple[Equation, ...]  # the results, as they are displayed
    symbols: Mapping[str, str]
    fields: Mapping[str, str]  # of the state, by their names

    @property
    def equations(self) -> tuple[Equation, ...]:
        """Return all lines: the steps, then the results."""
        return (*self.steps, *self.closing)

    @property
    def text(self) -> str:
        """Return the LaTeX: what the symbols stand for, as comments, and the equations."""
        comments = [f"% {symbol}: {name}" for name, symbol in self.symbols.items() if symbol not in (name, upright(name), f"\\{name}")]
        lines = [equation.line for equation in self.equations]
        comments += [f"% {comment}" for sign, comment in SIGNS_OF_AXES.items() if any(sign in line for line in lines)]
        return "\n".join([*comments, r"\begin{aligned}", " \\\\\n".join(lines), r"\end{aligned}"])


def latex_of(function: Callable[..., Any], tree: ast.FunctionDef | None = None) -> Rendering:
    """Return a formula, or any function written like one, as LaTeX; with `tree`, a changed definition of it."""
    raw = getattr(function, "raw", function)
    states = {name: tuple(state._fields) for name, state in state_arguments(raw).items()}  # type: ignore[attr-defined]
    updates = "theta" if getattr(function, "id", "").startswith("optimizers.") else ""
    return render_tree(tree or source_tree(raw), states=states, updates=updates, namespace=raw.__globals__)


def render_tree(
    tree: ast.FunctionDef,
    *,
    states: Mapping[str, tuple[str, ...]] | None = None,
    updates: str = "",
    namespace: Mapping[str, Any] | None = None,
) -> Rendering:
    """Return the function that a tree defines as LaTeX.

    `states` has the fields of the arguments that are states. `updates` is the argument whose new value is the first result: what the
    function returns is then displayed as new values of it and of the state.
    """
    tree = with_helpers_inlined(tree, namespace or {})
    writer = LatexWriter(tree, states or {})
    steps = tuple(equation for statement in tree.body[:-1] for equation in writer.equations(statement))
    returned = returned_parts(tree)
    results = tuple(map(writer.expression, returned))
    updated = writer.updates(updates, returned) if updates and writer.arguments[:1] == [updates] else None
    closing = tuple(updated or [writer.definition(tree.name, results)])
    return Rendering(tree.name, steps, results, closing, writer.symbols, writer.fields)


def returned_parts(tree: ast.FunctionDef) -> list[ast.expr]:
    """Return the results of a function, whose last statement returns them."""
    last = tree.body[-1]
    if not isinstance(last, ast.Return) or last.value is None:
        raise TypeError(f"{tree.name} must end in what it returns, not in {ast.unparse(last)}")
    return list(last.value.elts) if isinstance(last.value, ast.Tuple) else [last.value]


def with_helpers_inlined(tree: ast.FunctionDef, namespace: Mapping[str, Any]) -> ast.FunctionDef:
    """Return a definition with the lines of the functions that it calls and that are no formulas, as a slide would have them.

    What a helper returns has the helper's name; its arguments are what it is given, where these are names.
    """
    names = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    registered = {formula.__name__ for formula in FORMULAS.values()}
    helpers = {name: function for name in names - registered if inspect.isfunction(function := namespace.get(name))}
    if not helpers:
        return tree
    known = local_names(tree)
    inlined, _ = inline_calls(tree, {name: SimpleNamespace(raw=function) for name, function in helpers.items()})
    new = local_names(inlined) - known
    aliases = {target: source for target, source in names_of_names(inlined) if target in new}
    plain = {name: short for name in new - aliases.keys() if (short := without_prefix(name, helpers)) not in known}
    inlined.body = [statement for statement in inlined.body if not assigns(statement, aliases)]
    for node in ast.walk(inlined):
        if isinstance(node, ast.Name):
            node.id = aliases.get(node.id) or plain.get(node.id, node.id)
    return inlined


def names_of_names(tree: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    """Yield the assignments of one name to another."""
    for statement in tree.body:
        match statement:
            case ast.Assign([ast.Name(target)], ast.Name(source)):
                yield target, source


def assigns(statement: ast.stmt, names: Collection[str]) -> bool:
    """Return whether a statement gives one of these names its value."""
    return isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name) and statement.targets[0].id in names


def without_prefix(name: str, helpers: Collection[str]) -> str:
    """Return an inlined name without the name of its helper; of a result, the helper's."""
    helper = next(helper for helper in helpers if name.startswith(f"{helper}_"))
    return helper if re.fullmatch(f"{helper}_result[0-9]+", name) else name.removeprefix(f"{helper}_")


def upright(name: str) -> str:
    """Return a name of more than one letter in upright type."""
    return r"\mathrm{" + name.replace("_", r"\_") + "}"


def symbol_for(name: str) -> str:
    """Return the symbol of a name: a stated one, a Greek or single letter, with a hat, an index or in upright type."""
    if name in SYMBOLS:
        return SYMBOLS[name]
    if name in GREEK:
        return f"\\{name}"
    if len(name) == 1:
        return name
    stem, _, suffix = name.rpartition("_")
    if stem and suffix == "hat":
        return rf"\hat{{{symbol_for(stem)}}}"
    if stem and (len(stem) == 1 or suffix in INDICES):
        symbol = symbol_for(stem)
        base = f"{{{symbol}}}" if "_" in symbol else symbol  # an index has no index of its own in LaTeX
        return rf"{base}_{{\mathrm{{{suffix}}}}}"
    numbered = re.fullmatch(r"([a-z]+)([0-9]+)", name)
    if numbered and (len(numbered[1]) == 1 or numbered[1] in GREEK):
        return f"{symbol_for(numbered[1])}_{{{numbered[2]}}}"
    return upright(name)


def assign_symbols(arguments: Iterable[str], other_names: Iterable[str]) -> dict[str, str]:
    """Return a symbol for each name, no two the same: where two names have one symbol, the later ones are in upright type."""
    symbols: dict[str, str] = {}
    names = dict.fromkeys((*arguments, *other_names))
    for name in names:
        plain = (name in ARGUMENTS_ONLY and name not in arguments) or BESIDE.get(name, name) not in names
        symbol = upright(name) if plain else symbol_for(name)
        symbols[name] = symbol if symbol not in symbols.values() else upright(name)
    return symbols


class LatexWriter:
    """Write the statements and expressions of one function as LaTeX."""

    def __init__(self, tree: ast.FunctionDef, states: Mapping[str, tuple[str, ...]]) -> None:
        self.states = states
        self.arguments = [argument.arg for argument in arguments_of(tree)]
        self.assigned = set(self.arguments)
        self.old_fields = fields_with_names_of_others(tree, states)
        fields = [field for names in states.values() for field in names]
        names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
        self.symbols = assign_symbols([name for name in self.arguments if name not in states], [*fields, *names])
        self.fields = {field: self.field(field) for field in fields}

    def is_field(self, node: ast.AST) -> bool:
        """Return whether a node reads a field of a state."""
        return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in self.states

    def field(self, name: str) -> str:
        """Return the symbol of a field of a state: with the index `old` where its name has another meaning as well."""
        return rf"{{{self.symbols[name]}}}_{{\mathrm{{old}}}}" if name in self.old_fields else self.symbols[name]

    # --- statements -----------------------------------------------------------------------------------------------------------

    def equations(self, statement: ast.stmt, depth: int = 0) -> list[Equation]:
        """Return the lines of a statement."""
        match statement:
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Name(id=state)) if self.unpacks(names, state):
                self.assigned |= set(self.states[state])
                return []  # the fields go by their names
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Attribute(attr=field) as value) if (
                self.is_field(value) and name == field
            ):
                self.assigned.add(name)
                return []
            case ast.Assign(targets=[target], value=value):
                return [self.assignment(left, right, depth) for left, right in in_parts(target, value)]
            case ast.For(target=target, iter=iterable, body=body):
                head = rf"\text{{for }} {self.expression(target)} \text{{ in }} {self.expression(iterable)}\text{{:}}"
            case ast.While(test=test, body=body):
                head = rf"\text{{while }} {self.expression(test)}\text{{:}}"
            case ast.If(test=test, body=body):
                head = rf"\text{{if }} {self.expression(test)}\text{{:}}"
            case ast.Return(value=value) if value is not None:
                return [Equation("", "", rf"\text{{return }} {self.expression(value)}", depth)]
            case _:
                raise TypeError(f"a statement {type(statement).__name__} has no form in LaTeX: {ast.unparse(statement)}")
        return [Equation("", "", head, depth), *(line for part in body for line in self.equations(part, depth + 1))]

    def assignment(self, target: ast.expr, value: ast.expr, depth: int) -> Equation:
        """Return the line of an assignment: `=` where a name is new, an arrow where it gets another value."""
        names = {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}
        relation = r"\leftarrow" if depth or names & (self.assigned | self.fields.keys()) else "="
        line = Equation(self.expression(target), relation, self.expression(value), depth)
        self.assigned |= names
        return line

    def unpacks(self, names: list[ast.expr], state: str) -> bool:
        """Return whether these are the names of the fields of a state, in order."""
        return state in self.states and [ast.unparse(name) for name in names] == list(self.states[state])

    def updates(self, argument: str, returned: list[ast.expr]) -> list[Equation] | None:
        """Return the results as new values, of an argument and of the fields of a state, in an order in which none is read too late.

        None where there is no such order, or where the results are no fields.
        """
        values = [value for part in returned[1:] for value in (part.args if isinstance(part, ast.Call) else [part])]
        if len(values) != len(self.fields) and not all(isinstance(value, ast.Name) and value.id != argument for value in values):
            return None
        targets = [self.symbols[argument], *(self.fields.values() if len(values) == len(self.fields) else map(self.expression, values))]
        pairs = [(target, value) for target, value in zip(targets, [returned[0], *values], strict=True) if target != self.expression(value)]
        for order in itertools.permutations(pairs):
            if not any(self.reads(value, target) for number, (_, value) in enumerate(order) for target, _ in order[:number]):
                return [Equation(target, r"\leftarrow", self.expression(value)) for target, value in order]
        return None

    def reads(self, node: ast.expr, symbol: str) -> bool:
        """Return whether an expression reads what has this symbol."""
        return any(
            isinstance(part, ast.Name | ast.Attribute) and self.expression(part) == symbol
            for part in ast.walk(node)
            if self.has_symbol(part)
        )

    def has_symbol(self, node: ast.AST) -> bool:
        """Return whether a node is a variable or a field of a state."""
        return self.is_field(node) or (isinstance(node, ast.Name) and node.id in self.symbols)

    @staticmethod
    def definition(name: str, values: tuple[str, ...]) -> Equation:
        """Return the results as what a function of this name returns."""
        escaped = name.replace("_", r"\_")
        return Equation(rf"\operatorname{{{escaped}}}", "=", r",\; ".join(values))

    # --- expressions ----------------------------------------------------------------------------------------------------------

    def expression(self, node: ast.expr, at_least: int = 0) -> str:
        """Return an expression, in parentheses if it holds together less tightly than its place asks for."""
        text, tightness = self.written(node)
        return text if tightness >= at_least else rf"\left({text}\right)"

    def written(self, node: ast.expr) -> tuple[str, int]:
        """Return an expression and how tightly it holds together."""
        method = getattr(self, f"write_{type(node).__name__.lower()}", None)
        if method is None:
            raise TypeError(f"an expression {type(node).__name__} has no form in LaTeX: {ast.unparse(node)}")
        written: tuple[str, int] = method(node)
        return written

    def write_name(self, node: ast.Name) -> tuple[str, int]:
        """Return the symbol of a name."""
        return self.symbols.get(node.id) or upright(node.id), ATOM

    def write_constant(self, node: ast.Constant) -> tuple[str, int]:
        """Return a number, or a word."""
        return (upright(str(node.value)) if isinstance(node.value, str | bool | None) else repr(node.value)), ATOM

    def write_tuple(self, node: ast.Tuple) -> tuple[str, int]:
        """Return the parts between parentheses."""
        return rf"\left({', '.join(map(self.expression, node.elts))}\right)", ATOM

    def write_starred(self, node: ast.Starred) -> tuple[str, int]:
        """Return what stands in the place of several parts."""
        return self.written(node.value)

    def write_list(self, node: ast.List) -> tuple[str, int]:
        """Return the parts between brackets."""
        return rf"\left[{', '.join(map(self.expression, node.elts))}\right]", ATOM

    def write_dict(self, node: ast.Dict) -> tuple[str, int]:
        """Return an empty mapping; formulas start with such ones only."""
        if node.keys:
            raise TypeError(f"a mapping has no form in LaTeX: {ast.unparse(node)}")
        return r"\varnothing", ATOM

    def write_unaryop(self, node: ast.UnaryOp) -> tuple[str, int]:
        """Return an expression with its sign."""
        return f"-{self.expression(node.operand, PRODUCT)}", SUM

    def write_binop(self, node: ast.BinOp) -> tuple[str, int]:
        """Return a sum, a difference, a product, a quotient or a power."""
        left, right = node.left, node.right
        match node.op:
            case ast.Add():
                return f"{self.expression(left, SUM)} + {self.expression(right, PRODUCT)}", SUM
            case ast.Sub():
                return f"{self.expression(left, SUM)} - {self.expression(right, PRODUCT)}", SUM
            case ast.Mult() if isinstance(left, ast.Tuple):
                return rf"{self.expression(right, POWER)} \times {', '.join(map(self.expression, left.elts))}", PRODUCT
            case ast.Mult() if isinstance(left, ast.UnaryOp):
                return rf"-{self.expression(left.operand, PRODUCT)} \, {self.expression(right, FRACTION)}", SUM
            case ast.Mult():
                return rf"{self.expression(left, PRODUCT)} \, {self.expression(right, FRACTION)}", PRODUCT
            case ast.MatMult():
                return rf"{self.expression(left, PRODUCT)} \cdot {self.expression(right, FRACTION)}", PRODUCT
            case ast.Div():
                return rf"\frac{{{self.expression(left)}}}{{{self.expression(right)}}}", FRACTION
            case ast.FloorDiv():
                return rf"\left\lfloor\frac{{{self.expression(left)}}}{{{self.expression(right)}}}\right\rfloor", ATOM
            case ast.Pow():
                base = self.expression(left, ATOM)
                return f"{{{base}}}^{{{self.expression(right)}}}", POWER
        raise TypeError(f"an operation {type(node.op).__name__} has no form in LaTeX: {ast.unparse(node)}")

    def write_compare(self, node: ast.Compare) -> tuple[str, int]:
        """Return a comparison."""
        symbols = [COMPARISONS[type(operator)] for operator in node.ops]
        operands = [self.expression(operand, SUM) for operand in (node.left, *node.comparators)]
        pairs = zip(symbols, operands[1:], strict=True)
        return " ".join([operands[0], *(f"{symbol} {operand}" for symbol, operand in pairs)]), COMPARISON

    def write_boolop(self, node: ast.BoolOp) -> tuple[str, int]:
        """Return comparisons of which all or one must hold."""
        word = r" \text{ and } " if isinstance(node.op, ast.And) else r" \text{ or } "
        return word.join(self.expression(part, COMPARISON) for part in node.values), 0

    def write_ifexp(self, node: ast.IfExp) -> tuple[str, int]:
        """Return the value in either case."""
        return self.cases(node.test, node.body, node.orelse)

    def cases(self, test: ast.expr, value: ast.expr, otherwise: ast.expr) -> tuple[str, int]:
        """Return one value where a test holds, and others elsewhere."""
        rows = [rf"{self.expression(value)} & \text{{if }} {self.expression(test)}"]
        while isinstance(otherwise, ast.Call) and ast.unparse(otherwise.func) == "np.where":
            test, value, otherwise = otherwise.args
            rows.append(rf"{self.expression(value)} & \text{{if }} {self.expression(test)}")
        rows.append(rf"{self.expression(otherwise)} & \text{{otherwise}}")
        body = r" \\ ".join(rows)
        return rf"\begin{{cases}} {body} \end{{cases}}", ATOM

    def write_generatorexp(self, node: ast.GeneratorExp) -> tuple[str, int]:
        """Return what is collected, indexed by what it runs over."""
        (loop,) = node.generators
        index = rf"{self.expression(loop.target)} \in {self.expression(loop.iter)}"
        return rf"\left({self.expression(node.elt)}\right)_{{{index}}}", ATOM

    def write_subscript(self, node: ast.Subscript) -> tuple[str, int]:
        """Return an entry or a part of an array as an index, a length as a function."""
        if isinstance(node.value, ast.Attribute) and node.value.attr == "shape":
            return rf"\operatorname{{length}}_{{{self.expression(node.slice)}}}\left({self.expression(node.value.value)}\right)", ATOM
        return f"{{{self.expression(node.value, ATOM)}}}_{{{self.expression(node.slice)}}}", POWER

    def write_slice(self, node: ast.Slice) -> tuple[str, int]:
        """Return a range of indices."""
        lower, upper = (self.expression(part) if part else "" for part in (node.lower, node.upper))
        return f"{lower}:{upper}", ATOM

    def write_attribute(self, node: ast.Attribute) -> tuple[str, int]:
        """Return a field of a state, a transpose or a shape."""
        if self.is_field(node):
            return self.field(node.attr), ATOM
        if node.attr == "T":
            return rf"{{{self.expression(node.value, ATOM)}}}^{{\top}}", POWER
        if isinstance(node.value, ast.Name) and node.value.id not in self.states:
            return rf"\operatorname{{{node.attr}}}\left({self.expression(node.value)}\right)", ATOM
        raise TypeError(f"an attribute has no form in LaTeX: {ast.unparse(node)}")

    def write_call(self, node: ast.Call) -> tuple[str, int]:
        """Return a function of its arguments; those with a notation of their own in it."""
        name = ast.unparse(node.func)
        short, arguments = name.rpartition(".")[2], node.args
        match (short, arguments):
            case ("sqrt", [value]):
                return rf"\sqrt{{{self.expression(value)}}}", ATOM
            case ("abs", [value]):
                return rf"\left|{self.expression(value)}\right|", ATOM
            case ("where", [test, value, otherwise]):
                return self.cases(test, value, otherwise)
            case ("transpose", [value]):
                return rf"{{{self.expression(value, ATOM)}}}^{{\top}}", POWER
            case ("outer", [left, right]):
                return rf"{self.expression(left, PRODUCT)} \otimes {self.expression(right, FRACTION)}", PRODUCT
            case ("standard_normal", [shape]):
                return rf"\mathcal{{N}}\left(0, 1\right)_{{{self.expression(shape)}}}", ATOM
            case ("uniform", [low, high, shape]):
                limits = f"{self.expression(low)}, {self.expression(high)}"
                return rf"\mathcal{{U}}\left({limits}\right)_{{{self.expression(shape)}}}", ATOM
        if name.endswith(("State", "Stats")) or name[0].isupper():
            return rf"\left({', '.join(map(self.expression, arguments))}\right)", ATOM
        return self.plain_call(node, name, short)

    def plain_call(self, node: ast.Call, name: str, short: str) -> tuple[str, int]:
        """Return a function by its name, the axes along which it works as its index."""
        keywords = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
        arguments = list(node.args)
        axis = keywords.pop("axis", None)
        keywords.pop("dtype", None)  # a matter of formats
        if short == "expand_dims":
            axis = arguments.pop()
        keeps = r"^{\ast}" if keywords.pop("keepdims", None) else ""
        index = f"_{{{self.expression(axis).removeprefix(chr(92) + 'left(').removesuffix(chr(92) + 'right)')}}}" if axis else ""
        own = [value for key, value in keywords.items() if isinstance(value, ast.Name) and value.id == key]
        others = [f"{upright(key)} = {self.expression(value)}" for key, value in keywords.items() if value not in own]
        inside = ", ".join([*map(self.expression, arguments), *others]) + "".join(f"; {self.expression(value)}" for value in own)
        return f"{self.function_name(name, short)}{index}{keeps}\\left({inside}\\right)", ATOM

    def function_name(self, name: str, short: str) -> str:
        """Return the name of a function: of an argument its symbol, of a known one LaTeX's, else its own in upright type."""
        if name in self.symbols:
            return self.symbols[name]
        if short in SPELLED_OUT and name.startswith("np."):
            return SPELLED_OUT[short]
        return FUNCTIONS.get(short) or r"\operatorname{" + short.replace("_", r"\_") + "}"


def in_parts(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    """Return an assignment of several values as one for each, if none of them reads a name that an earlier one assigns."""
    if not (isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts)):
        return [(target, value)]
    earlier: set[str] = set()
    for left, right in zip(target.elts, value.elts, strict=True):
        if earlier & {node.id for node in ast.walk(right) if isinstance(node, ast.Name)}:
            return [(target, value)]
        earlier |= {node.id for node in ast.walk(left) if isinstance(node, ast.Name)}
    return list(zip(target.elts, value.elts, strict=True))


def fields_with_names_of_others(tree: ast.FunctionDef, states: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    """Return the fields whose name is also an argument, or a variable that is assigned before the field is read."""
    assigned = {argument.arg for argument in arguments_of(tree)}
    clashing: set[str] = {field for fields in states.values() for field in fields} & assigned
    for statement in tree.body:
        nodes = list(ast.walk(statement))
        reads = [node for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in states]
        clashing |= {node.attr for node in reads} & assigned
        assigned |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return frozenset(clashing)
