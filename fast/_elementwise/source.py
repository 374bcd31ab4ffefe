"""Compile the source of a formula to an elementwise kernel: from the reference's syntax tree, so that no formula is written twice.

An expression of hyper-parameters alone is a constant: evaluated once a call in Python floats, as NumPy evaluates it, and rounded to the
arrays' dtype where it meets them. What remains is arithmetic on single entries of arrays of one dtype. A kernel's operands are its arrays.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...reference.descent import global_norm
from ...reference.limits import Range
from ...reference.syntax import flat_values, flatten_states, inline_calls, load, source_tree, state_arguments, store
from ...reference.validation import Domain, domains
from .._frontend import flat_domains, identifier
from .._jit import digest_of
from .._loops import math as functions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

STRICT = ("sqrt", "abs", "square")  # NumPy functions whose value is not finite where the argument is not
SELECTING = {  # NumPy functions whose value is one of some of their arguments
    "maximum": slice(0, 2),
    "minimum": slice(0, 2),
    "where": slice(1, 3),
    "sign": slice(0),
}
ON_NUMPY = {name: getattr(np, name) for name in (*STRICT, *SELECTING)}
FUNCTIONS = {  # what is computed by functions of the kernels' own, whose errors are proved; the first that fits is taken
    "np.exp(-np.logaddexp(0, -_))": functions.logistic,
    "np.logaddexp(0, _)": functions.softplus,
    "np.exp(_)": functions.exp,
    "np.tanh(_)": functions.tanh,
    "erf(_)": functions.erf,
}
PATTERNS = [(ast.parse(pattern, mode="eval").body, function.__name__) for pattern, function in FUNCTIONS.items()]
OWN_FUNCTIONS = {function.__name__: function for function in FUNCTIONS.values()}
VIOLATED = {">=": ast.Lt, ">": ast.LtE, "<=": ast.Gt, "<": ast.GtE}  # the comparison that holds outside a range, by its operator


@dataclass(frozen=True)
class KernelIR:
    """One formula, split into constants and the update of single entries. An operand is an array, by name (`state.m`)."""

    formula: str
    updated: tuple[str, ...]  # operands that the formula updates
    read: tuple[str, ...]  # operands that it only reads
    numbers: dict[str, Domain]  # hyper-parameters, and the numbers of a state
    counters: tuple[str, ...]  # numbers that the formula updates
    normed: tuple[str, ...]  # operands whose norm, over all entries, is a number that the formula needs
    result_paths: tuple[str, ...]  # where each updated operand stands in the result: `[1].m`
    structure: Any  # of the result: a tuple of structures, a state's class, or None for an array
    update_entry: Callable[..., tuple[Any, ...]]  # (entries of all operands, constants) → the updated entries
    out_of_domain: Callable[..., Any]  # the same arguments → whether an entry is outside its domain and no updated entry is non-finite
    constants: Callable[..., Any]  # (numbers, norms) → (constants, updated numbers)
    unpack_arguments: Callable[..., Any]  # arguments in order → (updated arrays, read arrays, numbers)
    pack_result: Callable[..., Any]  # (updated arrays, updated numbers) → the result
    divisions: int  # divisions, roots and functions of one entry
    constant_count: int
    own_functions: tuple[str, ...]  # functions of `_loops.math` that it calls: their roundings are not NumPy's
    digest: str  # of all this: a part of the key under which machine code is cached


class SourceCompiler:
    """Sort the statements of a formula into constants and updates of entries.

    Results without names of their own update the first array, or those named by `updates`. Formulas that are called are inlined;
    `global_norm` is evaluated before the kernel runs, over all arrays that are updated together.

    Of a formula that calls the gradient function `asks`, `compile_point` makes the point at which the gradient is taken, and otherwise the
    gradient is one more operand. With `reciprocals`, a division by a constant is a multiplication by its reciprocal.
    """

    def __init__(
        self,
        raw: Callable[..., Any],
        *,
        updates: str = "",
        asks: str = "",
        compile_point: bool = False,
        reciprocals: bool = False,
        tree: ast.FunctionDef | None = None,
    ) -> None:
        self.raw, self.updates, self.asks, self.compile_point, self.reciprocals = raw, updates, asks, compile_point, reciprocals
        self.domains = domains(raw)
        self.flat_domains = flat_domains(self.domains)
        gradient = "" if compile_point else asks
        self.arrays = [name for name, domain in self.flat_domains.items() if domain.kind == "array" or name == gradient]
        self.numbers = {name: domain for name, domain in self.flat_domains.items() if domain.kind in ("number", "count")}
        self.operand_names = {identifier(name) for name in self.arrays}
        self.float_names = {identifier(name) for name, domain in self.numbers.items() if domain.kind == "number"}
        self.constant_statements: list[ast.stmt] = []
        self.entry_statements: list[ast.Assign] = []
        self.known_constants: dict[str, str] = {}  # names of constants by their source, while it means the same
        self.constant_names: list[str] = []
        self.norms: dict[str, str] = {}  # numbers by name, and the arrays whose norms they are
        flat = flatten_states(tree or source_tree(raw), state_arguments(raw))
        inlined, self.namespace = inline_calls(flat, raw.__globals__, keep=[global_norm])
        self.body = [OnesToNumbers().visit(statement) for statement in inlined.body]

    def compile(self) -> KernelIR:
        """Return the formula, split."""
        result = self.sort_statements()
        leaves = list(self.result_leaves(result))
        array_leaves = [(path, owner, node) for path, owner, node in leaves if self.depends_on_operand(node)]
        entries = [self.entry(node) for _, _, node in array_leaves]
        unnamed = iter([*self.updates.split(), self.arrays[0]])
        updated = tuple(owner or next(unnamed) for _, owner, _ in array_leaves)
        assert len(set(updated)) == len(updated), updated
        read = tuple(name for name in self.arrays if name not in updated)
        counters = [(owner, node) for _, owner, node in leaves if not self.depends_on_operand(node)]
        out_of_domain = self.out_of_domain(entries)  # may need constants of its own
        entry_arguments = [*map(identifier, (*updated, *read)), *self.constant_names]
        operands = [tuple_of([ast.parse(name, mode="eval").body for name in names]) for names in (updated, read, tuple(self.numbers))]
        constants = tuple_of([tuple_of([load(name) for name in self.constant_names]), tuple_of([node for _, node in counters])])
        definitions = [
            define("update_entry", entry_arguments, self.entry_statements, tuple_of(entries)),
            define("out_of_domain", entry_arguments, [], out_of_domain),
            define("constants", [*map(identifier, self.numbers), *self.norms], self.constant_statements, constants),
            define("unpack_arguments", list(self.domains), [], tuple_of(operands)),
            define("pack_result", ["arrays", "numbers"], [], self.pack(result, {"arrays": 0, "numbers": 0})),
        ]
        parts: dict[str, Any] = {}
        code = compile(ast.Module([*definitions], []), self.raw.__code__.co_filename, "exec")
        exec(code, {**self.namespace, **ON_NUMPY, **OWN_FUNCTIONS}, parts)  # the reference's own source, split
        return KernelIR(
            self.raw.__name__,
            updated,
            read,
            self.numbers,
            tuple(owner for owner, _ in counters),
            tuple(self.norms.values()),
            tuple(path for path, _, _ in array_leaves),
            self.structure(result),
            **parts,
            constant_count=len(self.constant_names),
            divisions=sum(map(is_slow, ast.walk(definitions[0]))),
            own_functions=tuple(sorted({call for node in ast.walk(definitions[0]) if (call := called_name(node)) in OWN_FUNCTIONS})),
            digest=digest_of("\n".join(map(ast.unparse, definitions))),
        )

    # --- statements --------------------------------------------------------------------------------------

    def sort_statements(self) -> ast.expr:
        """Sort all statements, and return the result."""
        for statement in self.body:
            for call in ast.walk(statement):
                if self.compile_point and isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == self.asks:
                    return call.args[0]
            if isinstance(statement, ast.Return) and statement.value:
                return statement.value
            assert isinstance(statement, ast.Assign), ast.unparse(statement)
            if not self.is_norm(statement):
                self.sort_assignment(statement)
        raise AssertionError(f"{self.raw.__name__} returns nothing")

    def is_norm(self, statement: ast.Assign) -> bool:
        """Return whether a statement takes the norm of an array; then note it."""
        call = statement.value
        if not isinstance(call, ast.Call) or self.resolve(call.func) is not global_norm:
            return False
        (number,), (operand,) = names_in(statement.targets[0]), names_in(call.args[0])
        self.norms[number] = operand
        self.float_names |= {number}
        return True

    def resolve(self, function: ast.expr) -> Any:
        """Return what is called, by a name or by a name in a module."""
        module, _, attribute = ast.unparse(function).rpartition(".")
        return getattr(self.namespace.get(module), attribute, None) if module else self.namespace.get(attribute)

    def sort_assignment(self, statement: ast.Assign) -> None:
        """Sort an assignment of one name or of several: to entries, or to numbers."""
        target, value = statement.targets[0], statement.value
        targets, values = (part.elts if isinstance(part, ast.Tuple) else [part] for part in (target, value))
        pairs = [(target.id, value) for target, value in zip(targets, values, strict=True) if isinstance(target, ast.Name)]
        entries = [(name, self.entry(value)) for name, value in pairs if self.depends_on_operand(value)]
        numbers = [(name, value) for name, value in pairs if not self.depends_on_operand(value)]
        for assigned, statements in ((entries, self.entry_statements), (numbers, self.constant_statements)):
            if assigned:
                together = ast.Tuple([store(name) for name, _ in assigned], ast.Store())
                statements.append(ast.Assign([together], tuple_of([value for _, value in assigned])))
        self.operand_names = (self.operand_names | {name for name, _ in entries}) - {name for name, _ in numbers}
        for name, value in numbers:
            self.known_constants = {}  # the name may mean something else now
            self.float_names = self.float_names | {name} if self.has_float(value) else self.float_names - {name}

    # --- expressions -------------------------------------------------------------------------------------

    def depends_on_operand(self, node: ast.AST) -> bool:
        """Return whether an expression depends on an array."""
        return any(isinstance(part, ast.Name) and (part.id in self.operand_names or part.id == self.asks) for part in ast.walk(node))

    def has_float(self, node: ast.AST) -> bool:
        """Return whether a number that is a float occurs in an expression."""
        return any(isinstance(part, ast.Name) and part.id in self.float_names for part in ast.walk(node))

    def entry(self, node: ast.expr) -> ast.expr:
        """Return an expression of arrays as one of their entries; its largest parts without arrays are constants."""
        if not self.depends_on_operand(node):
            return self.constant(node)
        if (own := first_that_fits(node)) is not None:
            return ast.Call(load(own[0]), [self.entry(own[1])], [])
        match node:
            case ast.Name():
                return node
            case ast.BinOp(ast.Name() as base, ast.Pow(), ast.Constant(3)):
                return ast.BinOp(ast.BinOp(base, ast.Mult(), base), ast.Mult(), base)
            case ast.BinOp(left, ast.Pow(), ast.Constant(2)):
                return ast.Call(load("square"), [self.entry(left)], [])
            case ast.BinOp(_, ast.Div(), right) if self.reciprocals and not self.depends_on_operand(right):
                inner, factor = self.split_factor(node)
                return ast.BinOp(self.entry(inner), ast.Mult(), self.constant(factor))
            case ast.BinOp(left, ast.Add() | ast.Sub() | ast.Mult() | ast.Div() as op, right):
                return ast.BinOp(self.entry(left), op, self.entry(right))
            case ast.UnaryOp(ast.USub() as op, operand):
                return ast.UnaryOp(op, self.entry(operand))
            case ast.Compare(left, [op], [right]):
                return ast.Compare(self.entry(left), [op], [self.entry(right)])
            case ast.Call(ast.Attribute(ast.Name("np"), called), args, []) if called in ON_NUMPY:
                return ast.Call(load(called), [self.entry(argument) for argument in args], [])
            case ast.Call(ast.Attribute(ast.Name("np"), "zeros_like"), [_], []):
                return self.constant(ast.Constant(0))
            case ast.Call(ast.Name(called)) if called == self.asks and not self.compile_point:
                return load(called)
        raise NotImplementedError(f"{self.raw.__name__}(): {ast.unparse(node)} is not an elementwise expression")

    def split_factor(self, node: ast.expr) -> tuple[ast.expr, ast.expr]:
        """Return what is multiplied or divided by constants, one after the other, and the factor that they are together."""
        match node:
            case ast.BinOp(left, ast.Mult() | ast.Div() as op, right) if not self.depends_on_operand(right):
                inner, factor = self.split_factor(left)
                return inner, ast.BinOp(factor, op, right)
        return node, ast.Constant(1)

    def constant(self, node: ast.expr) -> ast.expr:
        """Return the name, or less the name, of an expression without arrays, which is evaluated where it stands."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return ast.UnaryOp(node.op, self.constant(node.operand))  # so that the compiler knows what c and −c have in common
        source = ast.unparse(node)
        if source not in self.known_constants:
            self.known_constants[source] = f"c{len(self.constant_names)}"
            self.constant_names.append(self.known_constants[source])
            if not self.has_float(node) or any(isinstance(part, ast.Attribute) for part in ast.walk(node)):
                node = ast.Call(load("float"), [node], [])  # integers alone, or a number of NumPy
            self.constant_statements.append(ast.Assign([store(self.known_constants[source])], node))
        return load(self.known_constants[source])

    # --- the result --------------------------------------------------------------------------------------

    def state_class(self, node: ast.expr) -> Any:
        """Return the class of a state, where an expression builds one."""
        kind = self.namespace.get(node.func.id) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None
        return kind if hasattr(kind, "_fields") else None

    def result_leaves(self, node: ast.expr, path: str = "") -> Iterator[tuple[str, str, ast.expr]]:
        """Yield the arrays and numbers of a result: path, the argument that each updates (if its name tells), and expression."""
        if isinstance(node, ast.Tuple):
            for i, element in enumerate(node.elts):
                yield from self.result_leaves(element, f"{path}[{i}]")
        elif kind := self.state_class(node):
            (state,) = (name for name, domain in self.domains.items() if domain.hint is kind)
            for field, argument in zip(kind._fields, node.args, strict=True):  # type: ignore[attr-defined]
                yield f"{path}.{field}", f"{state}.{field}", argument
        else:
            yield path, node.id if isinstance(node, ast.Name) and node.id in self.arrays else "", node

    def structure(self, node: ast.expr) -> Any:
        """Return the structure of a result."""
        return tuple(map(self.structure, node.elts)) if isinstance(node, ast.Tuple) else self.state_class(node)

    def pack(self, node: ast.expr, counts: dict[str, int]) -> ast.expr:
        """Return the expression of a result from its arrays and numbers, each in their order."""
        if isinstance(node, ast.Tuple):
            return tuple_of([self.pack(element, counts) for element in node.elts])
        if self.state_class(node):
            assert isinstance(node, ast.Call)
            return ast.Call(node.func, [self.pack(argument, counts) for argument in node.args], [])
        kind = "arrays" if self.depends_on_operand(node) else "numbers"
        counts[kind] += 1
        return ast.Subscript(load(kind), ast.Constant(counts[kind] - 1), ast.Load())

    # --- finiteness and domains --------------------------------------------------------------------------

    def out_of_domain(self, entries: Sequence[ast.expr]) -> ast.expr:
        """Return the expression that is true where an argument is outside its domain, or non-finite with no updated entry to reveal it."""
        tests: list[ast.expr] = []
        revealed = self.revealed_operands(entries)
        for name in self.arrays:
            operand = load(identifier(name))
            for limit in self.flat_domains[name].limits:
                assert isinstance(limit, Range)
                tests.append(ast.Compare(operand, [VIOLATED[limit.operator]()], [self.constant(ast.Constant(limit.bound))]))
            if identifier(name) not in revealed:
                tests.append(ast.Compare(ast.BinOp(operand, ast.Sub(), operand), [ast.NotEq()], [ast.Constant(0)]))
        expression: ast.expr = ast.Constant(False)
        for test in tests:
            expression = test if isinstance(expression, ast.Constant) else ast.BinOp(expression, ast.BitOr(), test)
        return expression

    def revealed_operands(self, entries: Sequence[ast.expr]) -> set[str]:
        """Return the arrays whose non-finite entries always make some updated entry non-finite."""
        revealed_by = {identifier(name): {identifier(name)} for name in self.arrays}
        for statement in self.entry_statements:
            targets, values = statement.targets[0].elts, statement.value.elts  # type: ignore[attr-defined]
            revealed_by |= dict(zip([target.id for target in targets], [revealed_in(value, revealed_by) for value in values], strict=True))
        return set().union(*(revealed_in(entry, revealed_by) for entry in entries))


def revealed_in(node: ast.expr, revealed_by: Mapping[str, set[str]]) -> set[str]:
    """Return the arrays whose non-finite entries always make this expression non-finite, from those of the names in it."""
    match node:
        case ast.Name(name):
            return revealed_by.get(name, set())
        case ast.BinOp(left, ast.Div() | ast.Pow(), _) | ast.UnaryOp(_, left):
            return revealed_in(left, revealed_by)
        case ast.BinOp(left, _, right):
            return revealed_in(left, revealed_by) | revealed_in(right, revealed_by)
        case ast.Call(ast.Attribute(_, called) | ast.Name(called), args) if called in STRICT:
            return revealed_in(args[0], revealed_by)
        case ast.Call(ast.Attribute(_, called) | ast.Name(called), args) if args[SELECTING.get(called, slice(0))]:
            return set.intersection(*(revealed_in(argument, revealed_by) for argument in args[SELECTING[called]]))
    return set()


def names_in(node: ast.expr) -> list[str]:
    """Return the names among the parts of an expression, in order."""
    return [part.id for part in flat_values(node) if isinstance(part, ast.Name)]


def is_slow(node: ast.AST) -> bool:
    """Return whether a node is a division, a square root, or the call of a function."""
    return isinstance(node, ast.Div) or called_name(node) in ("sqrt", *OWN_FUNCTIONS)


def called_name(node: ast.AST) -> str:
    """Return the bare name that a node calls."""
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


class OnesToNumbers(ast.NodeTransformer):
    """Put the number 1 in the place of arrays of ones, which constants are made of."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Return 1, or a call as it is."""
        return ast.Constant(1) if ast.unparse(node.func) == "np.ones_like" else self.generic_visit(node)


def first_that_fits(node: ast.AST) -> tuple[str, ast.expr] | None:
    """Return the name of the kernels' own function that computes an expression, and its operand."""
    return next(((name, operand) for pattern, name in PATTERNS if (operand := operand_in(node, pattern)) is not None), None)


def operand_in(node: ast.AST, pattern: ast.AST) -> ast.expr | None:
    """Return the part of an expression that stands where the pattern has the name _, or None where they differ elsewhere."""
    if isinstance(pattern, ast.Name) and pattern.id == "_":
        return node if isinstance(node, ast.expr) else None
    if type(node) is not type(pattern):
        return None
    operands = []
    for field, wanted in ast.iter_fields(pattern):
        got = getattr(node, field)
        pairs = list(zip(got, wanted, strict=False)) if isinstance(wanted, list) and len(got) == len(wanted) else [(got, wanted)]
        for part, inner in pairs:
            if isinstance(inner, ast.AST) and holds_operand(inner):
                operands.append(operand_in(part, inner))
            elif dump(part) != dump(inner):
                return None
    return operands[0] if operands else None


def holds_operand(pattern: ast.AST) -> bool:
    """Return whether a pattern has the name _."""
    return any(isinstance(part, ast.Name) and part.id == "_" for part in ast.walk(pattern))


def dump(part: Any) -> str:
    """Return what tells syntax trees and their values apart."""
    return ast.dump(part) if isinstance(part, ast.AST) else repr(part)


def tuple_of(values: Sequence[ast.expr]) -> ast.expr:
    """Return the expression of a tuple."""
    return ast.Tuple(list(values), ast.Load())


def define(name: str, arguments: list[str], body: Sequence[ast.stmt], value: ast.expr) -> ast.stmt:
    """Return the definition of a function."""
    function = ast.parse(f"def {name}({', '.join(arguments)}): ...").body[0]
    assert isinstance(function, ast.FunctionDef)
    function.body = [*body, ast.Return(value)]
    return ast.fix_missing_locations(function)
