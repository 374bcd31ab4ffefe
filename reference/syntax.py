"""Syntax trees of formulas: their source, the calls of other formulas inlined, the fields of states as names of their own.

    source_tree(adam)                                       the function's definition, without docstring and annotations
    inline_calls(source_tree(step), vars(module))           every call of a formula replaced by its body; and the names it needs
    flatten_states(tree, state_arguments(step))             state.m → state_m, in the arguments and in the body
    compile_function(tree, namespace)                       the function that a tree defines

A tree is never changed in place: each function returns a new one. Needs the standard library only.
"""

from __future__ import annotations

import ast
import copy
import inspect
import itertools
import textwrap
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeGuard

CONDITIONAL = (
    ast.Lambda | ast.IfExp | ast.BoolOp | ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp
)  # parts may not be computed


def source_tree(function: Callable[..., Any]) -> ast.FunctionDef:
    """Return the definition of a formula, or of any function, without decorators, docstring and annotations."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(getattr(function, "raw", function)))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    tree.decorator_list, tree.returns = [], None
    if ast.get_docstring(tree) is not None:
        tree.body = tree.body[1:]
    for argument in arguments_of(tree):
        argument.annotation = None
    return tree


def compile_function(tree: ast.FunctionDef, namespace: Mapping[str, Any], filename: str = "<syntax tree>") -> Callable[..., Any]:
    """Return the function that a tree defines, with these global names."""
    space = dict(namespace)
    exec(compile(ast.fix_missing_locations(ast.Module([copy.deepcopy(tree)], [])), filename, "exec"), space)  # trees of our own source
    function: Callable[..., Any] = space[tree.name]
    return function


def arguments_of(tree: ast.FunctionDef) -> list[ast.arg]:
    """Return the arguments of a definition, in order."""
    return [*tree.args.posonlyargs, *tree.args.args, *tree.args.kwonlyargs]


def state_arguments(function: Callable[..., Any]) -> dict[str, type]:
    """Return the class of each argument whose annotation is a NamedTuple: a state."""
    raw = getattr(function, "raw", function)
    hints = {name: raw.__globals__.get(hint) if isinstance(hint, str) else hint for name, hint in raw.__annotations__.items()}
    return {name: hint for name, hint in hints.items() if name != "return" and is_state_class(hint)}


def is_state_class(value: Any) -> TypeGuard[type]:
    """Return whether a value is a NamedTuple class."""
    return isinstance(value, type) and issubclass(value, tuple) and hasattr(value, "_fields")


def field_name(state: str, field: str) -> str:
    """Return the name that stands for a field of a state in a flattened tree."""
    return f"{state}_{field}"


def load(name: str) -> ast.Name:
    """Return an expression that reads a name."""
    return ast.Name(name, ast.Load())


def store(name: str) -> ast.Name:
    """Return the target of an assignment to a name."""
    return ast.Name(name, ast.Store())


# --- states ----------------------------------------------------------------------------------------------


def flatten_states(tree: ast.FunctionDef, states: Mapping[str, type]) -> ast.FunctionDef:
    """Return the definition with each state (argument → NamedTuple class) as one name for each of its fields.

    `state.m` becomes `state_m`; `m, v, t = state` assigns the fields; a state that is passed to another function is a tuple of its fields;
    a state that is returned whole is built anew. The arguments of the new definition are the fields.
    """
    return FlattenStates(states).visit_definition(copy.deepcopy(tree))


class FlattenStates(ast.NodeTransformer):
    """Replace states by their fields."""

    def __init__(self, states: Mapping[str, type]) -> None:
        self.states = states
        self.fields = {name: [field_name(name, field) for field in state._fields] for name, state in states.items()}  # type: ignore[attr-defined]
        self.classes = {state.__name__ for state in states.values()}

    def visit_definition(self, tree: ast.FunctionDef) -> ast.FunctionDef:
        """Return the definition, its arguments and its body flattened."""
        for name in ("posonlyargs", "args", "kwonlyargs"):
            arguments: list[ast.arg] = getattr(tree.args, name)
            flat = [[ast.arg(field) for field in self.fields.get(argument.arg, [])] or [argument] for argument in arguments]
            setattr(tree.args, name, list(itertools.chain(*flat)))
        tree.body = [self.visit(statement) for statement in tree.body]
        return ast.fix_missing_locations(tree)

    def visit_Return(self, node: ast.Return) -> ast.AST:
        """Flatten a result: a state that is returned by its name is built anew."""
        value = node.value
        if isinstance(value, ast.Tuple):
            value = ast.Tuple([self.build_state(part) for part in value.elts], ast.Load())
        elif value is not None:
            value = self.build_state(value)
        return ast.Return(value and self.visit(value))

    def build_state(self, node: ast.expr) -> ast.expr:
        """Return the call of the state's class, if the expression is the name of a state."""
        if isinstance(node, ast.Name) and node.id in self.states:
            return ast.Call(load(self.states[node.id].__name__), [node], [])
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Flatten a call: a state's class takes the fields as arguments of their own."""
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in self.classes:
            node.args = [part for argument in node.args for part in (argument.elts if isinstance(argument, ast.Tuple) else [argument])]
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Return the name of a state's field."""
        if isinstance(node.value, ast.Name) and node.value.id in self.states:
            return ast.Name(field_name(node.value.id, node.attr), node.ctx)
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Return the fields of a whole state."""
        if node.id in self.states:
            return ast.Tuple([ast.Name(field, node.ctx) for field in self.fields[node.id]], node.ctx)
        return node


def flat_values(node: ast.expr) -> list[ast.expr]:
    """Return the parts of nested tuples and of newly built states (calls of a bare name), in order."""
    if isinstance(node, ast.Tuple):
        return [part for element in node.elts for part in flat_values(element)]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return [part for argument in node.args for part in flat_values(argument)]
    return [node]


# --- calls -----------------------------------------------------------------------------------------------


def inline_calls(
    tree: ast.FunctionDef, namespace: Mapping[str, Any], *, keep: Collection[Callable[..., Any]] = ()
) -> tuple[ast.FunctionDef, dict[str, Any]]:
    """Return the definition with each call of a formula replaced by the formula's body, and the namespace that the new definition needs.

    A formula is what has a `raw` function, found in the namespace by name or by `module.name`. Its body gets names of its own
    (`adamw_theta`), its states are flattened, and formulas that it calls are inlined too. Calls within conditional expressions,
    comprehensions and lambdas, formulas that return in more than one place, and formulas to `keep` are left as they are.
    """
    inliner = Inliner(namespace, [getattr(function, "raw", function) for function in keep])
    tree = copy.deepcopy(tree)
    tree.body = inliner.statements(tree.body)
    return ast.fix_missing_locations(tree), inliner.namespace


class Inliner:
    """Replace the calls of formulas in the statements of one function."""

    def __init__(self, namespace: Mapping[str, Any], keep: Collection[Callable[..., Any]]) -> None:
        self.namespace, self.keep = dict(namespace), keep
        self.counter = itertools.count()

    def statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Return the statements with their calls inlined."""
        return [inlined for statement in body for inlined in self.statement(statement)]

    def statement(self, statement: ast.stmt) -> list[ast.stmt]:
        """Return one statement, after those that stand for the formulas that it calls."""
        if isinstance(statement, ast.FunctionDef | ast.While):
            return [statement]
        if isinstance(statement, ast.For | ast.If):
            statement.body, statement.orelse = self.statements(statement.body), self.statements(statement.orelse)
            return [statement]
        before: list[ast.stmt] = []
        value = getattr(statement, "value", None)
        if isinstance(value, ast.Call) and (called := self.formula(value)) and isinstance(statement, ast.Assign | ast.Return):
            value.args, value.keywords = [self.hoist(part, before) for part in value.args], self.hoist_keywords(value, before)
            result = self.inlined(called, value, before)
            last = assign(statement.targets[0], result) if isinstance(statement, ast.Assign) else ast.Return(result)
            return [*before, last]
        if value is not None:
            statement.value = self.hoist(value, before)  # type: ignore[attr-defined]
        return [*before, statement]

    def hoist(self, node: Any, before: list[ast.stmt]) -> Any:
        """Return an expression whose calls of formulas are names; the statements that give them their values are added to `before`."""
        if isinstance(node, CONDITIONAL):
            return node
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.expr):
                setattr(node, name, self.hoist(value, before))
            elif isinstance(value, list):
                setattr(node, name, [self.hoist(part, before) if isinstance(part, ast.AST) else part for part in value])
        if isinstance(node, ast.keyword):
            node.value = self.hoist(node.value, before)
        if isinstance(node, ast.Call) and (called := self.formula(node)):
            name = f"{called.__name__}_result{next(self.counter)}"
            before.append(assign(store(name), self.inlined(called, node, before)))
            return load(name)
        return node

    def hoist_keywords(self, call: ast.Call, before: list[ast.stmt]) -> list[ast.keyword]:
        """Return the keywords of a call, their values hoisted."""
        return [ast.keyword(keyword.arg, self.hoist(keyword.value, before)) for keyword in call.keywords]

    def formula(self, call: ast.Call) -> Callable[..., Any] | None:
        """Return the raw function of the formula that is called, if it can be inlined."""
        module, _, name = ast.unparse(call.func).rpartition(".")
        called = getattr(self.namespace.get(module), name, None) if module else self.namespace.get(name)
        raw: Any = getattr(called, "raw", None)
        if not callable(raw) or raw in self.keep or any(keyword.arg is None for keyword in call.keywords):
            return None
        if any(isinstance(argument, ast.Starred) for argument in call.args) or not returns_once(source_tree(raw)):
            return None
        return raw

    def inlined(self, raw: Callable[..., Any], call: ast.Call, before: list[ast.stmt]) -> ast.expr:
        """Add the body of a formula, and before it its arguments, to `before`; return its result."""
        states = state_arguments(raw)
        tree, needed = inline_calls(source_tree(raw), raw.__globals__, keep=self.keep)
        tree = PrefixNames(raw.__name__, local_names(tree) | set(states)).visit(tree)
        prefixed = {f"{raw.__name__}_{name}": state for name, state in states.items()}
        tree = flatten_states(tree, prefixed)
        self.require(tree, needed)
        given = inspect.signature(raw).bind(*call.args, **{keyword.arg: keyword.value for keyword in call.keywords if keyword.arg})
        given.apply_defaults()
        for argument, value in given.arguments.items():
            name, expression = f"{raw.__name__}_{argument}", value if isinstance(value, ast.expr) else ast.Constant(value)
            fields = prefixed[name]._fields if name in prefixed else ()  # type: ignore[attr-defined]
            if fields and isinstance(expression, ast.Tuple):
                before.extend(
                    ast.Assign([store(field_name(name, field))], part) for field, part in zip(fields, expression.elts, strict=True)
                )
            elif fields:
                before.extend(
                    ast.Assign([store(field_name(name, field))], ast.Attribute(expression, field, ast.Load())) for field in fields
                )
            else:
                before.append(ast.Assign([store(name)], expression))
        *body, last = tree.body
        before.extend(body)
        assert isinstance(last, ast.Return)
        assert last.value is not None
        return last.value

    def require(self, tree: ast.FunctionDef, needed: Mapping[str, Any]) -> None:
        """Add the global names that a body uses to the namespace."""
        for name in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & set(needed):
            if self.namespace.setdefault(name, needed[name]) is not needed[name]:
                raise ValueError(f"inline_calls(): {name} means something else in {tree.name} than where it is called")


def assign(target: ast.expr, value: ast.expr) -> ast.stmt:
    """Return one assignment of a result to a target, part by part where both are tuples or the result is a newly built state."""
    pairs = list(matched(target, value))
    if len(pairs) == 1:
        return ast.Assign([pairs[0][0]], pairs[0][1])
    targets, values = zip(*pairs, strict=True)
    return ast.Assign([ast.Tuple(list(targets), ast.Store())], ast.Tuple(list(values), ast.Load()))


def matched(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield the parts of a target with the parts of a value that they take."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        parts = value.elts
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        parts = value.args
    else:
        parts = []
    if isinstance(target, ast.Tuple) and len(parts) == len(target.elts):
        for inner, part in zip(target.elts, parts, strict=True):
            yield from matched(inner, part)
    else:
        yield target, value


class PrefixNames(ast.NodeTransformer):
    """Put the name of a function before its local names."""

    def __init__(self, prefix: str, names: Collection[str]) -> None:
        self.prefix, self.names = prefix, names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Rename a local name."""
        return ast.Name(f"{self.prefix}_{node.id}", node.ctx) if node.id in self.names else node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Rename an argument."""
        return ast.arg(f"{self.prefix}_{node.arg}") if node.arg in self.names else node


def local_names(tree: ast.FunctionDef) -> set[str]:
    """Return the arguments of a definition and the names that its body gives values to."""
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    return stored | {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}


def returns_once(tree: ast.FunctionDef) -> bool:
    """Return whether the only return of a definition is its last statement."""
    returns = [node for node in ast.walk(tree) if isinstance(node, ast.Return)]
    return len(returns) == 1 and returns[0] is tree.body[-1]
