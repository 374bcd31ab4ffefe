"""A step of an optimizer as a program: statements over plain names, made from a formula of the reference, changed, composed and compiled.

The program of `rmsprop` reads

    grad = gradient(theta)
    mean_sq = decay * mean_sq + (1 - decay) * grad**2
    theta = theta - lr * grad / (np.sqrt(mean_sq + eps_root) + eps)

Its state is the names that the next step reads, each with its initial value. The fields of a state are names of their own, the gradient is
asked for in a statement of its own, and results are assigned to the names that the next step reads.
"""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self

import numpy as np

from ...reference import FORMULAS
from ...reference.syntax import source_tree
from .patterns import (
    NODES,
    NodeReplacement,
    Replacement,
    Rewriting,
    Simplification,
    Substitution,
    names_assigned,
    names_read,
    parse_expression,
    positioned,
)

ARGUMENTS = ("theta", "gradient", "lr")  # what every step is given besides its state and its hyper-parameters
COUNTED = ("Count", "Weight")  # annotations of the fields of a state that are numbers and start at 0


class NotApplicable(ValueError):
    """A change finds nothing to change in a program."""


@dataclass(frozen=True)
class Statements:
    """Statements over plain names, and the changes that are made to them."""

    statements: tuple[ast.stmt, ...]

    @functools.cached_property
    def source(self) -> str:
        """The statements as Python."""
        return "\n".join(unparsed(statement) for statement in self.statements)

    def replaced(self, pairs: Mapping[str, str], within: Sequence[str] = ()) -> Self:
        """Return the program with expressions rewritten, everywhere or in the statements that assign the names in `within`."""
        items = tuple(pairs.items())
        concerned = [not within or not names_assigned(statement).isdisjoint(within) for statement in self.statements]
        statements = tuple(
            rewritten(statement, items) if applies else statement for statement, applies in zip(self.statements, concerned, strict=True)
        )
        if all(fresh is statement for fresh, statement in zip(statements, self.statements, strict=True)):
            raise NotApplicable(f"no {' or '.join(pairs)} in {', '.join(within) or 'the program'}")
        return replace(self, statements=statements)

    def with_assignment(self, text: str) -> Self:
        """Return the program with another right-hand side for one name; a formula that it calls is written out."""
        fresh = with_calls_expanded(*parse_statements(text))
        (target,) = names_assigned(fresh[-1])
        if not any(target in names_assigned(statement) for statement in self.statements):
            raise NotApplicable(f"{target} is not assigned")
        parts = (fresh if target in names_assigned(statement) else (statement,) for statement in self.statements)
        return replace(self, statements=tuple(itertools.chain.from_iterable(parts)))

    def inserted(self, text: str, at: str) -> Self:
        """Return the program with statements at a place that `index` knows."""
        fresh = tuple(line for statement in parse_statements(text) for line in with_calls_expanded(statement))
        index = self.index(at)
        return replace(self, statements=(*self.statements[:index], *fresh, *self.statements[index:]))

    def index(self, at: str) -> int:
        """Return where statements are inserted: `start`, `gradient`, `update`, `end`, or `after NAME`."""
        if at == "start":
            return 0
        if at == "end":
            return len(self.statements)
        name = {"gradient": "grad", "update": "theta"}.get(at, at.removeprefix("after "))
        places = [k for k, statement in enumerate(self.statements) if name in names_assigned(statement)]
        if not places:
            raise NotApplicable(f"{name} is not assigned")
        return places[0] + (at != "update")

    def with_state(self, initial: Mapping[str, str]) -> Self:
        """Return the program with more names in its state, or with other initial values."""
        raise NotApplicable(f"statements without a state have no {', '.join(initial)}")

    def with_previous(self, name: str, within: Sequence[str] = ()) -> Self:
        """Return the program whose statements after the update of a name read the value from before it."""
        place = self.index(f"after {name}")
        before = f"{name}_before"
        later = [
            with_name(statement, name, before)
            if name not in names_assigned(statement) and (not within or names_assigned(statement) & set(within))
            else statement
            for statement in self.statements[place:]
        ]
        if all(fresh is old for fresh, old in zip(later, self.statements[place:], strict=True)):
            raise NotApplicable(f"nothing reads {name} after its update")
        (copy,) = parse_statements(f"{before} = {name}")
        return replace(self, statements=(copy, *self.statements[:place], *later))

    def with_updated(self, name: str) -> Self:
        """Return the program whose statements before the update of a name read the value from after it."""
        place = self.index(f"after {name}") - 1
        update = self.statements[place]
        readers = [index for index, statement in enumerate(self.statements[:place]) if name in names_read(statement)]
        if not readers:
            raise NotApplicable(f"nothing reads {name} before its update")
        if any(names_assigned(statement) & names_read(update) for statement in self.statements[readers[0] : place]):
            raise NotApplicable(f"the update of {name} depends on what reads it")
        before, between, rest = self.statements[: readers[0]], self.statements[readers[0] : place], self.statements[place + 1 :]
        return replace(self, statements=(*before, update, *between, *rest))

    def inlined(self, name: str) -> Self:
        """Return the program with the value of a name in the place of it."""
        place = self.index(f"after {name}") - 1
        value = self.statements[place].value  # type: ignore[attr-defined]
        rest = [Substitution({name: value}).visit(statement) for statement in self.statements[place + 1 :]]
        return replace(self, statements=(*self.statements[:place], *rest))


@dataclass(frozen=True)
class Program(Statements):
    """The statements of one step, and the state that it keeps: every name with the expression of its initial value."""

    state: Mapping[str, ast.expr] = field(default_factory=dict)

    @functools.cached_property
    def parameters(self) -> tuple[str, ...]:
        """The hyper-parameters: names that are read and never assigned before, but for the state and what every step is given."""
        known, found = {*ARGUMENTS, *self.state, "np"}, dict[str, None]()
        for statement in self.statements:
            found |= dict.fromkeys(name for name in sorted(names_read(statement)) if name not in known and not is_global(name))
            known |= names_assigned(statement)
        for initial in self.state.values():
            found |= dict.fromkeys(name for name in sorted(names_read(initial)) if name not in (*ARGUMENTS, "np"))
        return tuple(found)

    @functools.cached_property
    def computations(self) -> tuple[Computation, ...]:
        """What each statement computes, in order."""
        return tuple(map(computation, self.statements))

    @functools.cached_property
    def couples_coordinates(self) -> bool:
        """Whether a coordinate depends on the others: by a sum, a mean or the number of all, here or in a formula that is called."""
        return any(map(sums_up, self.statements))

    def step(self, theta: Any, gradient: Any, lr: Any, *state: Any, **hyper: Any) -> tuple[Any, ...]:
        """Return θ and the state after a step, from θ, the gradient as a function of the point, lr, the state, and the hyper-parameters."""
        values = {"theta": theta, "gradient": gradient, "lr": lr, **dict(zip(self.state, state, strict=True)), **hyper}
        for compute, reads, name in self.computations:
            values[name] = compute(*[values[read] for read in reads])
        return (values["theta"], *[values[name] for name in self.state])

    def calling(self, names: Iterable[str]) -> Program:
        """Return the program that calls functions among its hyper-parameters, `own_` before their names, in the place of formulas."""
        renaming = Renaming({name: f"own_{name}" for name in names})
        if not renaming.names:
            return self
        return replace(self, statements=tuple(renaming.visit(statement) for statement in self.statements))

    @functools.cached_property
    def start(self) -> Callable[..., tuple[Any, ...]]:
        """(θ, the first lr, hyper-parameters …) → the initial state."""
        return starting(tuple(self.state.values()), self.parameters)

    def with_state(self, initial: Mapping[str, str]) -> Self:
        """Return the program with more names in its state, or with other initial values."""
        return replace(self, state={**self.state, **{name: parse_expression(text) for name, text in initial.items()}})

    def without_unused(self) -> Program:
        """Return the program without statements and state that nothing reads."""
        needed: set[str] = set()
        while True:
            live, used = {"theta", *needed}, []
            for statement in reversed(self.statements):
                if not live.isdisjoint(targets := names_assigned(statement)):
                    live -= targets
                    live |= names_read(statement)
                    used.append(statement)
            missing = (live & self.state.keys()) - needed
            if not missing:
                break
            needed |= missing
        if len(used) == len(self.statements) and len(needed) == len(self.state):
            return self
        return Program(tuple(reversed(used)), {name: initial for name, initial in self.state.items() if name in needed})


def sums_up(tree: ast.AST) -> bool:
    """Return whether a tree has a sum, a mean, the number of all or a product of matrices in it, or calls a formula that has."""
    nodes = [*ast.walk(tree)]
    called = {node.id for node in nodes if isinstance(node, ast.Name)} & FUNCTIONS.keys()
    here = any(
        isinstance(node, ast.MatMult) or (isinstance(node, ast.Attribute) and node.attr in ("sum", "mean", "size")) for node in nodes
    )
    return here or any(sums_up(part) for name in called for part in source_tree(FUNCTIONS[name]).body)


class Computation(NamedTuple):
    """What a statement computes: a function, the names whose values it takes, and the name that is assigned."""

    compute: Callable[..., Any]
    reads: tuple[str, ...]
    name: str


@functools.lru_cache(maxsize=NODES)
def computation(statement: ast.stmt) -> Computation:
    """Return what a statement computes; programs share statements, so that few are compiled."""
    assert isinstance(statement, ast.Assign)
    (name,) = names_assigned(statement)
    reads = tuple(sorted(read for read in names_read(statement) if read != "np" and not is_global(read)))
    return Computation(compiled(name, reads, (ast.Return(statement.value),)), reads, name)


@functools.lru_cache(maxsize=NODES)
def rewritten(statement: ast.stmt, pairs: tuple[tuple[str, str], ...]) -> ast.stmt:
    """Return a statement with expressions rewritten, or itself where nothing has the form of a pattern; programs share the result."""
    fresh = Replacement(pairs).visit(statement)
    return statement if fresh is statement else Simplification().visit(fresh)


@functools.lru_cache(maxsize=NODES)
def with_name(statement: ast.stmt, name: str, fresh: str) -> ast.stmt:
    """Return a statement that reads another name in the place of one; programs share the result."""
    return Substitution({name: read(fresh)}).visit(statement)


@functools.cache
def starting(values: tuple[ast.expr, ...], parameters: tuple[str, ...]) -> Callable[..., tuple[Any, ...]]:
    """Return the function that makes an initial state; many programs share it."""
    result = ast.Tuple(list(values), ast.Load())
    return compiled("start", ("theta", "lr", *parameters), (ast.Return(result),))


def read(name: str) -> ast.Name:
    """Return a name that is read."""
    return ast.Name(name, ast.Load())


def is_global(name: str) -> bool:
    """Return whether a name is a function of the reference or a built-in that programs call."""
    return name in FUNCTIONS or name in ("int", "max", "min")


FUNCTIONS = {formula.__name__: formula.raw for formula in FORMULAS.values()}


def compiled(
    name: str, arguments: Iterable[str] | ast.arguments, body: Iterable[ast.stmt], namespace: Mapping[str, Any] | None = None
) -> Callable[..., Any]:
    """Return a function made of these statements, which see the names of a namespace and the formulas of the reference."""
    names = arguments
    if not isinstance(names, ast.arguments):
        names = ast.arguments([], [ast.arg(argument) for argument in names], None, [], [], None, [])
    function = ast.FunctionDef(name, names, [located(statement) for statement in body], [], lineno=1, col_offset=0)
    if sys.version_info >= (3, 12):
        function.type_params = []
    space = {"np": np, **namespace, **FUNCTIONS} if namespace else SPACE
    for argument in (*names.args, *names.kwonlyargs):
        argument.lineno = argument.col_offset = argument.end_lineno = argument.end_col_offset = 1
    results: dict[str, Callable[..., Any]] = {}
    exec(compile(ast.Module([function], []), f"<{name}>", "exec"), space, results)  # the reference's own source, changed
    return results[name]


SPACE: dict[str, Any] = {"np": np, **FUNCTIONS}  # what every program sees; thousands of them share it


@functools.lru_cache(maxsize=NODES)
def located(node: Any) -> Any:
    """Return the tree with positions, which the compiler asks for; trees are shared, so each is treated once."""
    for part in ast.iter_child_nodes(node):
        located(part)
    return node if hasattr(node, "lineno") else positioned(node)


def unparsed(node: ast.AST) -> str:
    """Return a statement or an expression as Python."""
    return ast.unparse(located(node))


@functools.cache
def parse_statements(text: str) -> tuple[ast.stmt, ...]:
    """Return the statements of a text, one a line or separated by semicolons."""
    return tuple(ast.parse(text).body)


# --- a formula as a program -----------------------------------------------------------------------------------------------------------


@functools.cache
def program_of(identifier: str) -> Program:
    """Return the program of a formula of the reference that makes a step."""
    raw = FORMULAS[identifier].raw
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(raw))).body
    assert isinstance(tree, ast.FunctionDef)
    arguments = [argument.arg for argument in tree.args.args]
    theta, gradient, state = (*arguments, None, None)[:3]
    body = [statement for statement in tree.body if not isinstance(statement, ast.Expr)]
    fields = fields_of(raw, state)
    statements, names = flattened(body, state, fields)
    renaming = {theta: "theta"} if theta != "theta" else {}
    statements = [Renaming(renaming).visit(statement) for statement in statements]
    statements = [statement for statement in statements if unparsed(statement) != "theta = theta"]
    if gradient in ("gradient", "gradients"):
        statements = ask_first(statements, gradient)
    else:
        statements = [*parse_statements("grad = gradient(theta)"), *statements]
    at_theta = fields_that_start_at_theta(identifier, tuple(fields))
    initial = {name: "theta" if name in at_theta else "0" if kind in COUNTED else "0 * theta" for name, kind in fields.items()}
    return Program(tuple(statements), {names[name]: parse_expression(text) for name, text in initial.items()})


def fields_that_start_at_theta(identifier: str, fields: Sequence[str]) -> set[str]:
    """Return the fields of the initial state of a formula that are the point itself; others start at 0, or as their family says."""
    initial = FORMULAS[identifier].initial
    if initial is None or len(inspect.signature(initial).parameters) > 1:
        return set()
    theta = np.array([[1.5, -2.5]]) if takes_matrix(identifier) else np.array([1.5, -2.5])
    start = initial(theta)
    return {
        name for name, part in zip(fields, start if isinstance(start, tuple) else (start,), strict=False) if np.array_equal(part, theta)
    }


def takes_matrix(identifier: str) -> bool:
    """Return whether the parameters of a formula are a matrix, as its first annotation says."""
    return bool(next(iter(FORMULAS[identifier].raw.__annotations__.values())) == "Oblong")


def fields_of(raw: Callable[..., Any], state: str | None) -> dict[str, str]:
    """Return the names of a state and their annotations: those of its fields, or its own where it is one array."""
    if state is None:
        return {}
    kind = raw.__annotations__[state]
    record = raw.__globals__.get(kind)
    fields = getattr(record, "_fields", None)
    return {name: str(annotation_of(record, name)) for name in fields} if fields else {state: kind}


def annotation_of(record: Any, name: str) -> str:
    """Return the annotation of a field as it is written."""
    annotation = record.__annotations__[name]
    return getattr(annotation, "__forward_arg__", None) or str(annotation)


def flattened(body: Sequence[ast.stmt], state: str | None, fields: Mapping[str, str]) -> tuple[list[ast.stmt], dict[str, str]]:
    """Return assignments of single names, the state's fields as names; and the name of each field."""
    names = {name: name if name not in clashes(body, state, fields) else f"last_{name}" for name in fields}
    opened = [FieldReading(state, names).visit(statement) for statement in body] if state not in fields else list(body)
    statements: list[ast.stmt] = []
    for statement in opened:
        if isinstance(statement, ast.Return):
            statements += last_assignments(statement.value, names)
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Tuple):
            if isinstance(statement.value, ast.Name):  # m, v, t = state
                names |= dict(zip(fields, (target.id for target in statement.targets[0].elts if isinstance(target, ast.Name)), strict=True))
            else:
                targets = [target.id for target in statement.targets[0].elts if isinstance(target, ast.Name)]
                statements += in_sequence(dict(zip(targets, parts_of(statement.value), strict=True)))
        else:
            statements.append(statement)
    return statements, names


def clashes(body: Sequence[ast.stmt], state: str | None, fields: Mapping[str, str]) -> set[str]:
    """Return the fields that are read after a local variable of the same name was assigned, or beside an argument of that name."""
    assigned: set[str] = {"grad", "theta"}
    clashing: set[str] = set()
    for statement in body:
        for part in ast.walk(statement):
            if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == state and part.attr in assigned:
                clashing.add(part.attr)
        assigned |= names_assigned(statement)
    return clashing


class FieldReading(Rewriting):
    """A traversal that reads the fields of a state as names."""

    def __init__(self, state: str | None, names: Mapping[str, str]) -> None:
        self.state, self.names = state, names

    def visit(self, node: Any) -> Any:
        """Return the name of a field, or the node with its parts visited."""
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == self.state:
            return read(self.names[node.attr])
        return super().visit(node)


class Renaming(Rewriting):
    """A traversal that renames names, read or assigned."""

    def __init__(self, names: Mapping[str | None, str]) -> None:
        self.names = names

    def visit(self, node: Any) -> Any:
        """Return a name renamed, or the node with its parts renamed."""
        if isinstance(node, ast.Name) and node.id in self.names:
            return ast.Name(self.names[node.id], node.ctx)
        return super().visit(node)


def parts_of(value: ast.expr | None) -> list[ast.expr]:
    """Return the parts of a tuple, or the one value."""
    assert value is not None
    return list(value.elts) if isinstance(value, ast.Tuple) else [value]


def last_assignments(value: ast.expr | None, names: Mapping[str, str]) -> list[ast.stmt]:
    """Return the assignments of a returned point and state, in an order in which none reads what another has overwritten."""
    point, *rest = parts_of(value)
    values = [part for item in rest for part in (item.args if isinstance(item, ast.Call) and isinstance(item.func, ast.Name) else [item])]
    assigned = dict(zip(names.values(), values, strict=True))
    return in_sequence({**assigned, "theta": point})


def in_sequence(values: Mapping[str, ast.expr]) -> list[ast.stmt]:
    """Return assignments that have the effect of one simultaneous assignment; θ is assigned last where that is possible."""
    rest = {name: value for name, value in values.items() if not (isinstance(value, ast.Name) and value.id == name)}
    statements: list[ast.stmt] = []
    while rest:
        free = next((name for name in rest if not any(name in names_read(value) for other, value in rest.items() if other != name)), None)
        if free is None:
            name = next(iter(rest))
            statements.append(assignment(f"{name}_next", rest.pop(name)))
            statements += in_sequence(rest)
            return [*statements, assignment(name, read(f"{name}_next"))]
        statements.append(assignment(free, rest.pop(free)))
    return statements


def assignment(name: str, value: ast.expr) -> ast.Assign:
    """Return the assignment of a value to a name."""
    return ast.Assign([ast.Name(name, ast.Store())], value)


def ask_first(statements: Iterable[ast.stmt], gradient: str) -> list[ast.stmt]:
    """Return the statements with the gradient asked for in one of its own: `grad = gradient(point)`."""
    result: list[ast.stmt] = []
    for statement in statements:
        asks = next((node for node in ast.walk(statement) if is_call_of(node, gradient)), None)
        if asks is None or (isinstance(statement, ast.Assign) and statement.value is asks):
            result.append(statement)
        else:
            result.append(assignment("grad", ast.Call(read("gradient"), asks.args, [])))  # type: ignore[attr-defined]
            result.append(NodeReplacement(asks, read("grad")).visit(statement))
    return result


def is_call_of(node: ast.AST, name: str) -> bool:
    """Return whether a node calls the function of this name."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


# --- composition ----------------------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=NODES)
def with_calls_expanded(statement: ast.stmt) -> tuple[ast.stmt, ...]:
    """Return a statement that assigns the result of a formula as the statements of that formula; any other as it is."""
    call = statement.value if isinstance(statement, ast.Assign) else None
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in FUNCTIONS):
        return (statement,)
    tree = source_tree(FUNCTIONS[call.func.id])
    given = dict(zip((argument.arg for argument in tree.args.args), call.args, strict=False))
    given |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    *body, result = tree.body
    assert isinstance(result, ast.Return)
    assert result.value is not None
    (target,) = names_assigned(statement)
    return tuple(Simplification().visit(Substitution(given).visit(line)) for line in (*body, assignment(target, result.value)))


def composed(outer: Program, inner: Program) -> Program:
    """Return the program in which the outer step gathers the direction of the inner one in the place of the gradient.

    The inner step θ ← θ − lr u gives its direction u; the outer one asks for the gradient.
    """
    direction = direction_of(inner)
    place = outer.index("gradient")
    rest = [with_name(statement, "grad", "direction") for statement in outer.statements[place:]]
    return Program((*outer.statements[:place], *direction, *rest), {**inner.state, **outer.state})


def direction_of(program: Program) -> list[ast.stmt]:
    """Return the statements of a step without the one that asks for its gradient, with its direction u for its update θ ← θ − lr u."""
    place = program.index("gradient")
    *body, update = (*program.statements[: place - 1], *program.statements[place:])
    if not (isinstance(update, ast.Assign) and names_assigned(update) == {"theta"}):
        raise NotApplicable("the step does not end with the update of theta")
    scaled = Replacement([("lr * A", "A")])
    whole = Replacement([("theta - A", "A")])
    value = scaled.visit(whole.visit(update.value))
    if not (whole.count == 1 and scaled.count == 1):
        raise NotApplicable(f"{unparsed(update)} is not theta minus lr times a direction")
    return [*body, assignment("direction", value)]


# --- simulation -----------------------------------------------------------------------------------------------------------------------


def run(program: Program, theta: Any, grads: Any, lrs: Any, slopes: Any, hyper: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield θ and the state after every step, by name; the gradient of step t at a point p is grads[t] + slopes[t] p, or grads[t]."""
    values = {name: hyper[name] for name in program.parameters}
    state = program.start(theta=theta, lr=lrs[0], **values)
    for index, (row, lr) in enumerate(zip(grads, lrs, strict=True)):
        gradient = functools.partial(gradient_at, row, None if slopes is None else slopes[index])
        theta, *rest = program.step(theta, gradient, lr, *state, **values)
        state = tuple(rest)
        yield {"theta": theta, **dict(zip(program.state, state, strict=True))}


def gradient_at(row: Any, slope: Any, point: Any) -> Any:
    """Return the gradient at a point."""
    return row if slope is None else row + slope * point
