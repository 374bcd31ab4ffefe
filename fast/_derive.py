"""A kernel's formula is the reference's own source, read entry by entry from its syntax tree: nothing is written twice.

What depends on hyper-parameters alone is a constant: computed once a call, as NumPy computes it, in Python's floats that meet the arrays
rounded to their dtype. What is left is arithmetic of single entries of arrays, all in one dtype. The arrays are the lanes of a kernel.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..reference import Formula
from ..reference.descent import global_norm
from ..reference.limits import Range
from ..reference.validation import Domain, domains

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

STRICT = ("sqrt", "abs")  # NumPy functions whose value is not finite where the argument isn't
CHOOSING = {"maximum": slice(0, 2), "minimum": slice(0, 2), "where": slice(1, 3), "sign": slice(0)}  # the arguments of which it is one
CHOICES = {one: getattr(np, one) for one in CHOOSING}
OUTSIDE = {"≥": ast.Lt, ">": ast.LtE, "≤": ast.Gt, "<": ast.GtE}  # of a limit, by its symbol


@dataclass(frozen=True)
class Derived:
    """What one formula is made of. A lane is an array, by name (`state.m`): first those that are updated, then those that are only read."""

    formula: str
    updated: tuple[str, ...]
    read: tuple[str, ...]
    numbers: dict[str, Domain]  # hyper-parameters, and the numbers of a state
    counted: tuple[str, ...]  # those that the formula updates
    measured: tuple[str, ...]  # the arrays whose norm, over all entries, is one number more
    places: tuple[str, ...]  # where each updated lane stands in the result: `[1].m`
    parts: tuple[Any, ...]  # what the result is made of: a state's class, or None for an array, a tuple for a tuple
    entry: Callable[..., tuple[Any, ...]]  # (entries of all lanes, constants) → the updated entries
    strays: Callable[..., Any]  # the same → whether an entry lies outside its domain, where no updated one tells by not being finite
    constants: Callable[..., Any]  # numbers → (constants, updated numbers)
    taken: Callable[..., Any]  # arguments in order → (updated arrays, read arrays, numbers)
    given: Callable[..., Any]  # (updated arrays, updated numbers) → the result
    received: Callable[..., Any]  # what is like a result → its arrays
    heavy: int  # divisions and roots of one entry
    digest: str  # machine code is kept under it


class Opened(ast.NodeTransformer):
    """A tree with a state's fields as names of their own: state.m → state_m, and state → all of them, or where it is returned a new one."""

    def __init__(self, states: Mapping[str, Domain]) -> None:
        self.fields = {one: tuple(domain.fields) for one, domain in states.items()}
        self.classes = {one: domain.hint.__name__ for one, domain in states.items()}

    def visit_Return(self, node: ast.Return) -> ast.AST:
        """A result."""
        assert node.value
        parts = node.value.elts if isinstance(node.value, ast.Tuple) else []
        return ast.Return(self.visit(several([self.renewed(one) for one in parts]) if parts else node.value))

    def renewed(self, node: ast.expr) -> ast.expr:
        """A part of a result: a state that is only named is made anew."""
        known = isinstance(node, ast.Name) and self.classes.get(node.id)
        return ast.Call(name(known), [node], []) if known else node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """A call, a state among its arguments taken apart."""
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in self.classes.values():
            node.args = [part for one in node.args for part in (one.elts if isinstance(one, ast.Tuple) else [one])]
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """One field of a state."""
        return name(f"{node.value.id}.{node.attr}") if isinstance(node.value, ast.Name) and node.value.id in self.fields else node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """A whole state, to be taken apart."""
        return several([name(f"{node.id}.{field}") for field in self.fields[node.id]]) if node.id in self.fields else node


class Renamed(ast.NodeTransformer):
    """A tree whose names, but for functions and modules, are of one formula alone."""

    def __init__(self, formula: str) -> None:
        self.formula = formula

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """A name."""
        return ast.Name(f"{self.formula}_{node.id}", node.ctx)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """What stands in a module: states are taken apart."""
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """A call, of whose function the name stays."""
        node.args = [self.visit(one) for one in node.args]
        return node


class Reading:
    """One pass over a formula's body, which sorts what it does into constants and entries.

    A result without a name of its own updates the first array, or the one named. A formula that is called in a statement of its own is read
    as if it stood there; `global_norm` is measured before, over all arrays that are updated together.

    Of a formula that asks for a gradient, `upto` makes the point at which it asks, and `answered` the rest, with the answer as one more
    array. With `reciprocals`, what is divided by a constant is multiplied by the constant's reciprocal.
    """

    def __init__(
        self, raw: Callable[..., Any], *, updates: str = "", upto: str = "", answered: str = "", reciprocals: bool = False
    ) -> None:
        self.raw, self.stated, self.updates, self.asks, self.upto = raw, domains(raw), updates, upto or answered, bool(upto)
        self.reciprocals = reciprocals
        self.flat = flat(self.stated)
        self.arrays = [one for one, domain in self.flat.items() if domain.kind == "array" or one == answered]
        self.numbers = {one: domain for one, domain in self.flat.items() if domain.kind in ("number", "count")}
        self.lanes = {plain(one) for one in self.arrays}
        self.real = {plain(one) for one, domain in self.numbers.items() if domain.kind == "number"}  # numbers that are floats
        self.hoisted: list[ast.stmt] = []
        self.along: list[ast.stmt] = []
        self.known: dict[str, str] = {}  # constants by what they are, as long as it holds
        self.made: list[str] = []
        self.measured: dict[str, str] = {}  # numbers by name, and the arrays whose norms they are
        self.body = [part for one in opened(raw) for part in self.unfolded(one)]

    def unfolded(self, one: ast.stmt) -> list[ast.stmt]:
        """A statement, or where it calls a formula, what stands in the formula: in names of its own, results given to ours."""
        call = one.value if isinstance(one, ast.Assign) else None
        formula = self.called(call.func) if isinstance(call, ast.Call) else None
        if not isinstance(formula, Formula):
            return [one]
        assert isinstance(one, ast.Assign)
        assert isinstance(call, ast.Call)
        if formula is global_norm:
            ((number,), (lane,)) = names(one.targets[0]), names(call.args[0])
            self.measured[number] = lane
            self.real |= {number}
            return []
        own = Renamed(formula.__name__)
        *body, result = [own.visit(part) for part in opened(formula.raw)]
        given = inspect.signature(formula.raw).bind(*call.args, **{one.arg: one.value for one in call.keywords if one.arg})
        given.apply_defaults()
        flats = flat_names(domains(formula.raw))
        entered = [
            ast.Assign([own.visit(stored(inside))], value if isinstance(value, ast.expr) else ast.Constant(value))
            for argument, outside in given.arguments.items()
            for inside, value in zip(flats[argument], outside.elts if isinstance(outside, ast.Tuple) else [outside], strict=True)
        ]
        together = several([stored(target) for target in names(one.targets[0])])
        return [*entered, *body, ast.Assign([together], several(unpacked(result.value)))]

    def called(self, function: ast.expr) -> Any:
        """What is called by a name, or by a name in a module."""
        home, _, attribute = ast.unparse(function).rpartition(".")
        return getattr(self.raw.__globals__.get(home), attribute, None) if home else self.raw.__globals__.get(attribute)

    def is_lane(self, node: ast.AST) -> bool:
        """Whether it depends on an array."""
        return any(isinstance(one, ast.Name) and (one.id in self.lanes or one.id == self.asks) for one in ast.walk(node))

    def entry(self, node: ast.expr) -> ast.expr:
        """An expression of arrays as one of their entries; its largest parts without arrays are constants."""
        if not self.is_lane(node):
            return self.constant(node)
        match node:
            case ast.Name():
                return node
            case ast.BinOp(left, ast.Pow() as op, ast.Constant(int()) as power):
                return ast.BinOp(self.entry(left), op, power)
            case ast.BinOp(left, ast.Div(), right) if self.reciprocals and not self.is_lane(right):
                return ast.BinOp(self.entry(left), ast.Mult(), self.constant(ast.BinOp(ast.Constant(1), ast.Div(), right)))
            case ast.BinOp(left, ast.Add() | ast.Sub() | ast.Mult() | ast.Div() as op, right):
                return ast.BinOp(self.entry(left), op, self.entry(right))
            case ast.UnaryOp(ast.USub() as op, operand):
                return ast.UnaryOp(op, self.entry(operand))
            case ast.Compare(left, [op], [right]):
                return ast.Compare(self.entry(left), [op], [self.entry(right)])
            case ast.Call(ast.Attribute(ast.Name("np"), called) as function, args, []) if called in (*STRICT, *CHOOSING):
                return ast.Call(name(called) if called in CHOOSING else function, [self.entry(one) for one in args], [])
            case ast.Call(ast.Attribute(ast.Name("np"), "zeros_like"), [_], []):
                return self.constant(ast.Constant(0))
            case ast.Call(ast.Name(called)) if called == self.asks and not self.upto:
                return name(called)
        raise NotImplementedError(f"{self.raw.__name__}: {ast.unparse(node)} is not read entry by entry")

    def constant(self, node: ast.expr) -> ast.expr:
        """What needs no array: computed where it stands, and named."""
        text = ast.unparse(node)
        if text not in self.known:
            self.known[text] = f"c{len(self.made)}"
            self.made.append(self.known[text])
            if not self.real & {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}:
                node = ast.Call(name("float"), [node], [])  # integers alone
            self.hoisted.append(ast.Assign([stored(self.known[text])], node))
        return name(self.known[text])

    def statement(self, one: ast.Assign) -> None:
        """An assignment, of one name or of several at once: to entries, or to numbers."""
        target, value = one.targets[0], one.value
        targets, values = (part.elts if isinstance(part, ast.Tuple) else [part] for part in (target, value))
        pairs = [(target.id, value) for target, value in zip(targets, values, strict=True) if isinstance(target, ast.Name)]
        along = [(target, self.entry(value)) for target, value in pairs if self.is_lane(value)]
        alone = [(target, value) for target, value in pairs if not self.is_lane(value)]
        for chosen, statements in ((along, self.along), (alone, self.hoisted)):
            if chosen:
                together = ast.Tuple([stored(target) for target, _ in chosen], ast.Store())
                statements.append(ast.Assign([together], several([value for _, value in chosen])))
        self.lanes = (self.lanes | {target for target, _ in along}) - {target for target, _ in alone}
        for number, made in alone:
            self.known = {}  # the name may mean something else now
            integers = not self.real & {one.id for one in ast.walk(made) if isinstance(one, ast.Name)}
            self.real = self.real - {number} if integers else self.real | {number}

    def derived(self) -> Derived:
        """The formula, taken apart."""
        result = self.run()
        leaves = list(self.leaves(result))
        along = [(place, owner, node) for place, owner, node in leaves if self.is_lane(node)]
        entries = [self.entry(node) for _, _, node in along]
        updated = tuple(owner or self.updates or self.arrays[0] for _, owner, _ in along)
        assert len(set(updated)) == len(updated), updated
        read = tuple(one for one in self.arrays if one not in updated)
        counts = [node for _, _, node in leaves if not self.is_lane(node)]
        strays = self.strays(entries)
        lanes = [*map(plain, (*updated, *read)), *self.made]
        held = [several([name(one, dotted=True) for one in kind]) for kind in (updated, read, tuple(self.numbers))]
        functions = [
            defined("entry", lanes, self.along, several(entries)),
            defined("strays", lanes, [], strays),
            defined(
                "constants",
                [*map(plain, self.numbers), *self.measured],
                self.hoisted,
                several([several(list(map(name, self.made))), several(counts)]),
            ),
            defined("taken", list(self.stated), [refused(self.misfits())], several(held)),
            defined("given", ["arrays", "numbers"], [], self.rebuilt(result, {"arrays": 0, "numbers": 0})),
            defined(
                "received",
                ["out"],
                [refused(self.misfit(result, "out"))],
                several([ast.parse(f"out{place}", mode="eval").body for place, _, _ in along]),
            ),
        ]
        text = "\n".join(map(ast.unparse, functions))
        made: dict[str, Any] = {}
        exec(
            compile(ast.Module([*functions], []), self.raw.__code__.co_filename, "exec"),
            {**self.raw.__globals__, **CHOICES},
            made,
        )  # our own source, taken apart
        heavy = sum(isinstance(one, ast.Div) or (isinstance(one, ast.Attribute) and one.attr == "sqrt") for one in ast.walk(functions[0]))
        return Derived(
            self.raw.__name__,
            updated,
            read,
            self.numbers,
            tuple(owner for _, owner, node in leaves if not self.is_lane(node)),
            tuple(self.measured.values()),
            tuple(place for place, _, _ in along),
            self.parts(result),
            **made,
            heavy=heavy,
            digest=digest(text),
        )

    def run(self) -> ast.expr:
        """Sort all statements, up to the result."""
        for one in self.body:
            for call in ast.walk(one):
                if self.upto and isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == self.asks:
                    return call.args[0]
            if isinstance(one, ast.Return) and one.value:
                return one.value
            assert isinstance(one, ast.Assign), ast.unparse(one)
            self.statement(one)
        raise AssertionError(f"{self.raw.__name__} returns nothing")

    def state_of(self, node: ast.expr) -> Any:
        """The class of a state, where it is made."""
        kind = self.raw.__globals__.get(node.func.id) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None
        return kind if hasattr(kind, "_fields") else None

    def leaves(self, node: ast.expr, place: str = "") -> Iterator[tuple[str, str, ast.expr]]:
        """The arrays and numbers of a result: where they stand, the argument that they update (if their name tells), and what they are."""
        if isinstance(node, ast.Tuple):
            for i, one in enumerate(node.elts):
                yield from self.leaves(one, f"{place}[{i}]")
        elif kind := self.state_of(node):
            (state,) = (one for one, domain in self.stated.items() if domain.hint is kind)
            for field, one in zip(kind._fields, node.args, strict=True):  # type: ignore[attr-defined]
                yield f"{place}.{field}", f"{state}.{field}", one
        else:
            yield place, node.id if isinstance(node, ast.Name) and node.id in self.arrays else "", node

    def misfits(self) -> str:
        """Where an argument is no state of its class."""
        return (
            " or ".join(f"type({one}) is not {domain.hint.__name__}" for one, domain in self.stated.items() if domain.kind == "state")
            or "False"
        )

    def misfit(self, node: ast.expr, place: str) -> str:
        """Where something is not made as the result is."""
        if isinstance(node, ast.Tuple):
            tests = (self.misfit(one, f"{place}[{i}]") for i, one in enumerate(node.elts))
            return " or ".join(
                [f"type({place}) is not tuple or len({place}) != {len(node.elts)}", *(one for one in tests if one != "False")]
            )
        return f"type({place}) is not {self.state_of(node).__name__}" if self.state_of(node) else "False"

    def parts(self, node: ast.expr) -> Any:
        """What a result is made of."""
        return tuple(map(self.parts, node.elts)) if isinstance(node, ast.Tuple) else self.state_of(node)

    def rebuilt(self, node: ast.expr, seen: dict[str, int]) -> ast.expr:
        """The result from its arrays and numbers, each in their order."""
        if isinstance(node, ast.Tuple):
            return several([self.rebuilt(one, seen) for one in node.elts])
        if self.state_of(node):
            assert isinstance(node, ast.Call)
            return ast.Call(node.func, [self.rebuilt(one, seen) for one in node.args], [])
        kind = "arrays" if self.is_lane(node) else "numbers"
        seen[kind] += 1
        return ast.Subscript(name(kind), ast.Constant(seen[kind] - 1), ast.Load())

    def strays(self, entries: Sequence[ast.expr]) -> ast.expr:
        """Where an argument lies outside its limits; where it isn't finite, and yet all that is made of it may be."""
        tests: list[ast.expr] = []
        shown = self.shown(entries)
        for one in self.arrays:
            lane, domain = name(one), self.flat[one]
            for limit in domain.limits:
                assert isinstance(limit, Range)
                tests.append(ast.Compare(lane, [OUTSIDE[limit.symbol]()], [self.constant(ast.Constant(limit.bound))]))
            if plain(one) not in shown:
                tests.append(ast.Compare(ast.BinOp(lane, ast.Sub(), lane), [ast.NotEq()], [ast.Constant(0)]))
        test: ast.expr = ast.Constant(False)
        for other in tests:
            test = other if isinstance(test, ast.Constant) else ast.BinOp(test, ast.BitOr(), other)
        return test

    def shown(self, entries: Sequence[ast.expr]) -> set[str]:
        """The lanes of which some updated entry tells, by not being finite, that they aren't."""
        known = {plain(one): {plain(one)} for one in self.arrays}

        def through(node: ast.expr) -> set[str]:
            match node:
                case ast.Name(called):
                    return known.get(called, set())
                case ast.BinOp(left, ast.Div() | ast.Pow(), _) | ast.UnaryOp(_, left):
                    return through(left)
                case ast.BinOp(left, _, right):
                    return through(left) | through(right)
                case ast.Call(ast.Attribute(_, called) | ast.Name(called), args) if called in STRICT:
                    return through(args[0])
                case ast.Call(ast.Attribute(_, called) | ast.Name(called), args) if called in CHOOSING:
                    return set.intersection(*map(through, args[CHOOSING[called]])) if args[CHOOSING[called]] else set()
            return set()

        for one in self.along:
            assert isinstance(one, ast.Assign)
            targets, values = one.targets[0].elts, one.value.elts  # type: ignore[attr-defined]
            known |= dict(zip([target.id for target in targets], list(map(through, values)), strict=True))
        return set().union(*map(through, entries))


def opened(raw: Callable[..., Any]) -> list[ast.stmt]:
    """The statements of a formula, its states taken apart."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(raw))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    states = {one: domain for one, domain in domains(raw).items() if domain.kind == "state"}
    return [Opened(states).visit(one) for one in tree.body if not isinstance(one, ast.Expr)]


def unpacked(node: ast.expr) -> list[ast.expr]:
    """The parts of a tuple of tuples and new states, in order; what a result calls by a bare name is a state's class."""
    if isinstance(node, ast.Tuple):
        return [part for one in node.elts for part in unpacked(one)]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return [part for one in node.args for part in unpacked(one)]
    return [node]


def names(node: ast.expr) -> list[str]:
    """The names that stand there, in order."""
    return [one.id for one in unpacked(node) if isinstance(one, ast.Name)]


def flat_names(stated: Mapping[str, Domain]) -> dict[str, list[str]]:
    """What each argument is called within, a state by its fields."""
    return {
        one: [plain(f"{one}.{field}") for field in domain.fields] if domain.kind == "state" else [one] for one, domain in stated.items()
    }


def plain(lane: str) -> str:
    """A lane's name as an identifier: state.m → state_m."""
    return lane.replace(".", "_")


def flat(stated: Mapping[str, Domain]) -> dict[str, Domain]:
    """The domains of all arguments, those of a state by field."""
    found: dict[str, Domain] = {}
    for one, domain in stated.items():
        found |= {f"{one}.{key}": part for key, part in domain.fields.items()} if domain.kind == "state" else {one: domain}
    return found


def name(one: str, *, dotted: bool = False) -> ast.expr:
    """A value by name."""
    return ast.parse(one, mode="eval").body if dotted else ast.Name(plain(one), ast.Load())


def stored(one: str) -> ast.expr:
    """A name that a value is given to."""
    return ast.Name(one, ast.Store())


def several(values: list[ast.expr]) -> ast.expr:
    """A tuple."""
    return ast.Tuple(values, ast.Load())


def defined(called: str, arguments: list[str], body: list[ast.stmt], value: ast.expr) -> ast.stmt:
    """A function's definition."""
    function = ast.parse(f"def {called}({', '.join(arguments)}): ...").body[0]
    assert isinstance(function, ast.FunctionDef)
    function.body = [*body, ast.Return(value)]
    return ast.fix_missing_locations(function)


def refused(misfit: str) -> ast.stmt:
    """A TypeError where something is not as it should be."""
    return ast.parse(f"if {misfit}: raise TypeError").body[0]


def digest(text: str) -> str:
    """A short name for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
