"""Random correct programs: the step of a right convention, traced from the bank's own step and rewritten by laws of real arithmetic.

A program is drawn from a seed: a convention, hyper-parameters, an order of operations, and what its numbers are held in. It is a subject
like any other, and its source can be printed. `python -m tests.spec.conformance.reordering` judges many of them.
"""

import argparse
import functools
import math
import random
from collections import Counter
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
from trainspec.spec.conformance.implementation import Run
from trainspec.spec.conformance.optimizers.algorithm import HYPER
from trainspec.spec.conformance.optimizers.conventions import FAMILIES, combinations
from trainspec.spec.conformance.optimizers.fixtures import fixture_for
from trainspec.spec.conformance.optimizers.matching import ALLOWED, errors_of, expected, given, in_bounds
from trainspec.spec.conformance.optimizers.runner import Misbehaved, Record, Task, follow, run_all, settle
from trainspec.spec.conformance.optimizers.verdict import Verdict, verdict_on

from .step_by_axes import begin, step

# --- expressions ------------------------------------------------------------------------------------------------------------------------

SCALARS = {"lr", "last_lr", "first_lr", "t", "power1", "power2", "product"}


LEAVES = ("leaf", "hyper", "const")


class Node:
    """One operation of a program; equal ones are identical."""

    __slots__ = ("args", "array", "op")

    def __init__(self, op, args):
        self.op, self.args = op, args
        self.array = (op == "leaf" and args[0] not in SCALARS) or any(isinstance(one, Node) and one.array for one in args)

    def __repr__(self):
        return str(self.args[0]) if self.op in LEAVES else f"{self.op}({', '.join(map(repr, self.args))})"

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        return make({"absolute": "abs", "greater": "gt", "less": "lt"}.get(ufunc.__name__, ufunc.__name__), *inputs)

    def __array_function__(self, function, types, args, kwargs):
        return BRANCH.get() if function is np.all else make(function.__name__, *args)

    def __pow__(self, exponent):
        assert exponent == 2
        return make("square", self)

    def __neg__(self):
        return make("neg", self)


for _name, _op in {"add": "add", "sub": "sub", "mul": "mul", "truediv": "div"}.items():
    setattr(Node, f"__{_name}__", lambda self, other, op=_op: make(op, self, other))
    setattr(Node, f"__r{_name}__", lambda self, other, op=_op: make(op, other, self))
Node.__gt__ = lambda self, other: make("gt", self, other)
Node.__lt__ = lambda self, other: make("lt", self, other)


class Count(int):
    """The number of the step: a number where it is compared, the leaf t where it enters the formula."""

    def __new__(cls, value, offset=0):
        self = super().__new__(cls, value)
        self.offset = offset
        return self

    def __add__(self, other):
        return Count(int(self) + other, self.offset + other)

    def __sub__(self, other):
        return self + -other

    def __mul__(self, other):
        return (leaf("t") + self.offset) * other

    __rmul__ = __mul__


@functools.cache
def node(op, *args):
    return Node(op, args)


def leaf(name):
    return node("leaf", name)


def hyper_parameter(name):
    return node("hyper", name)


def const(value):
    return value if isinstance(value, Node) else node("const", value)


def is_const(one, value=None):
    return one.op == "const" and (value is None or one.args[0] == value)


def make(op, *args):
    """An operation, unless it is none: with 0, with 1, or one that undoes another."""
    args = tuple(map(const, args))
    if all(is_const(one) for one in args) and op in PYTHON:
        return const(PYTHON[op](*(one.args[0] for one in args)))
    return folded(op, *args) or node(op, *args)


PYTHON = {"add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "neg": lambda a: -a}


def folded(op, a, b=None, *rest):
    """What an operation comes to without being done, if so."""
    if op == "add":
        return b if is_const(a, 0) else a if is_const(b, 0) else None
    if op == "sub":
        return a if is_const(b, 0) else make("neg", b) if is_const(a, 0) else None
    if op == "neg":
        return a.args[0] if a.op == "neg" else None
    if op == "mul":
        for one, other in ((a, b), (b, a)):
            if is_const(one, 0):
                return const(0)
            if is_const(one, 1):
                return other
            if other.op == "div" and other.args[1] is one:
                return other.args[0]
    if op == "div":
        if is_const(b, 1):
            return a
        if a.op == "mul" and b in a.args:
            return a.args[a.args[0] is b]
    return None


# --- tracing ----------------------------------------------------------------------------------------------------------------------------

ARRAYS = ("m", "v", "mean", "velocity", "largest", "moved", "compared", "size", "last_step")  # what a step may remember of arrays
STATE = ("theta", *ARRAYS, "power1", "power2", "product", "last_lr")
BRANCH = ContextVar("BRANCH")  # the way that a step takes where the formula branches


def traced(convention, hyper, late):
    """A step as expressions in the state before it, the gradient, the learning rate and the hyper-parameters; early or late."""
    h = SimpleNamespace(**{name: hyper_parameter(name) if value else 0 for name, value in {**HYPER, **hyper}.items()})
    before = late or convention.family == "radam"
    s = SimpleNamespace(**{name: leaf(name) for name in STATE}, t=Count(before, -1), last_grad=None, first_lr=None)
    token = BRANCH.set(late)
    try:
        step(convention, s, leaf("lr"), lambda point: leaf("g") if convention.nesterov_form != "lookahead" else node("gradient", point), h)
    finally:
        BRANCH.reset(token)
    return {name: const(getattr(s, name)) for name in STATE}


def is_late(convention, t, hyper):
    """Whether step t is a late one: after the first, or rectified."""
    if convention.family != "radam":
        return t > 1
    power = hyper["beta2"] ** t
    return 2 / (1 - hyper["beta2"]) - 1 - 2 * t * power / (1 - power) > int(convention.threshold)


def live(shapes):
    """The part of a state that some later point depends on."""
    kept, new = set(), {"theta"}
    while new:
        kept |= new
        new = {name for one in kept for shape in shapes for name in leaves_of(shape[one]) if name in STATE} - kept
    return [{name: shape[name] for name in STATE if name in kept} for shape in shapes]


def leaves_of(root):
    return {one.args[0] for one in ordered([root]) if one.op == "leaf"}


def ordered(roots):
    """All operations, each after those that it needs."""
    seen = {}

    def visit(one):
        if one not in seen:
            for arg in one.args:
                if isinstance(arg, Node):
                    visit(arg)
            seen[one] = None

    for root in roots:
        visit(root)
    return list(seen)


def replaced(roots, changes):
    """Expressions with some operations exchanged for others."""
    done = dict(changes)

    def visit(one):
        if one not in done:
            done[one] = one if one.op in LEAVES else make(one.op, *map(visit, one.args))
        return done[one]

    return {name: visit(root) for name, root in roots.items()}


# --- laws -------------------------------------------------------------------------------------------------------------------------------


def apart(one):
    """Whether a sum may be taken apart: 1 − β and the like are never, as this would cancel."""
    return one.op in ("add", "sub") and not (one.op == "sub" and any(is_const(arg) for arg in one.args))


def commute(n):
    if n.op in ("add", "mul"):
        yield make(n.op, *reversed(n.args))


def reassociate_sums(n):
    if n.op not in ("add", "sub"):
        return
    x, y = n.args
    first, second = {"add": ("add", "sub"), "sub": ("sub", "add")}[n.op]
    if x.op == "add":
        a, b = x.args
        yield make("add", a, make(n.op, b, y))
        yield make("add", make(n.op, a, y), b)
    if x.op == "sub" and apart(x):
        a, b = x.args
        yield make("sub", make(n.op, a, y), b)
        yield make("sub", a, make(second, b, y))
    if y.op == "add":
        a, b = y.args
        yield make(n.op, make(n.op, x, a), b)
    if y.op == "sub" and apart(y):
        a, b = y.args
        yield make(second, make(first, x, a), b)


def reassociate_products(n):
    if n.op == "mul":
        for x, y in (n.args, n.args[::-1]):
            if x.op == "mul":
                a, b = x.args
                yield make("mul", a, make("mul", b, y))
                yield make("mul", make("mul", a, y), b)
            if x.op == "div":
                a, b = x.args
                yield make("div", make("mul", a, y), b)
                yield make("mul", a, make("div", y, b))
    if n.op == "div":
        x, y = n.args
        if x.op == "mul":
            a, b = x.args
            yield make("mul", a, make("div", b, y))
            yield make("mul", make("div", a, y), b)
        if x.op == "div":
            a, b = x.args
            yield make("div", a, make("mul", b, y))
            yield make("div", make("div", a, y), b)
        if y.op == "mul":
            yield make("div", make("div", x, y.args[0]), y.args[1])
        if y.op == "div":
            yield make("mul", x, make("div", y.args[1], y.args[0]))
            yield make("div", make("mul", x, y.args[1]), y.args[0])


def distribute(n):
    if n.op == "mul":
        for x, y in (n.args, n.args[::-1]):
            if apart(y) and (y.array or y.op == "add"):  # of scalars, differences may be all but 0
                yield make(y.op, make("mul", x, y.args[0]), make("mul", x, y.args[1]))
    if n.op == "div" and apart(n.args[0]):
        top, below = n.args
        yield make(top.op, make("div", top.args[0], below), make("div", top.args[1], below))


def factor(n):
    """a b + a c = a (b + c), and a / c + b / c = (a + b) / c."""
    if n.op not in ("add", "sub"):
        return
    x, y = n.args
    if x.op == y.op == "mul":
        for common in set(x.args) & set(y.args):
            if complementary(*(rest := [one.args[one.args[0] is common] for one in n.args])):
                continue
            yield make("mul", common, make(n.op, *rest))
    if x.op == y.op == "div" and x.args[1] is y.args[1]:
        yield make("div", make(n.op, x.args[0], y.args[0]), x.args[1])


def complement(one):
    """b of 1 − b."""
    return one.args[1] if one.op == "sub" and is_const(one.args[0], 1) else None


def complementary(one, other):
    return complement(one) is other or complement(other) is one


def gather(n):
    """θ − λ θ = θ (1 − λ)."""
    if n.op in ("add", "sub"):
        x, y = n.args
        for a, b in (y.args, y.args[::-1]) if y.op == "mul" else ():
            if a is x and complement(b) is None:
                yield make("mul", x, make(n.op, 1, b))


def reciprocal(n):
    if n.op == "div" and not is_const(n.args[0], 1):
        yield make("mul", n.args[0], make("div", 1, n.args[1]))


def quotient(n):
    if n.op == "mul":
        for x, y in (n.args, n.args[::-1]):
            if y.op == "div" and is_const(y.args[0], 1):
                yield make("div", x, y.args[1])


def split_root(n):
    if n.op == "sqrt" and n.args[0].op == "div":
        a, b = n.args[0].args
        yield make("div", make("sqrt", a), make("sqrt", b))


def join_roots(n):
    if n.op in ("div", "mul") and all(one.op == "sqrt" for one in n.args) and n.args[0] is not n.args[1]:
        yield make("sqrt", make(n.op, *(one.args[0] for one in n.args)))


def clear_denominator(n):
    """a / (b / c + d) = a c / (b + d c), the way to the efficient form."""
    if n.op == "div" and n.args[1].op == "add":
        for x, y in (n.args[1].args, n.args[1].args[::-1]):
            if x.op == "div":
                yield make("div", make("mul", n.args[0], x.args[1]), make("add", x.args[0], make("mul", y, x.args[1])))


def interpolate(n):
    """β m + (1 − β) g = m + (1 − β) (g − m)."""
    if n.op != "add" or any(one.op != "mul" for one in n.args):
        return
    for x, y in (n.args, n.args[::-1]):
        for weight, g in (y.args, y.args[::-1]):
            for beta, m in (x.args, x.args[::-1]):
                if complement(weight) is beta:
                    yield make("add", m, make("mul", weight, make("sub", g, m)))
                    yield make("sub", m, make("mul", weight, make("sub", m, g)))


def square(n):
    if n.op == "square":
        yield make("mul", *n.args, *n.args)
    if n.op == "mul" and n.args[0] is n.args[1]:
        yield make("square", n.args[0])


def signs(n):
    if n.op == "sub" and apart(n):
        yield make("neg", make("sub", *reversed(n.args)))
    if n.op == "sub" and n.array:
        yield make("add", n.args[0], make("neg", n.args[1]))
    if n.op == "add" and n.args[1].op == "neg":
        yield make("sub", n.args[0], *n.args[1].args)
    if n.op == "neg" and n.args[0].op in ("mul", "div"):
        yield make(n.args[0].op, make("neg", n.args[0].args[0]), n.args[0].args[1])
    if n.op in ("mul", "div") and n.args[0].op == "neg":
        yield make("neg", make(n.op, *n.args[0].args, n.args[1]))


def fuse(n):
    """a b + c, rounded once."""
    if n.op == "add" and n.array:
        for x, y in (n.args, n.args[::-1]):
            if x.op == "mul":
                yield make("fma", *x.args, y)
    if n.op == "sub" and n.array and n.args[1].op == "mul":
        yield make("fma", make("neg", n.args[1].args[0]), n.args[1].args[1], n.args[0])


LAWS = {
    one.__name__: one
    for one in (commute, reassociate_sums, reassociate_products, distribute, factor, gather, reciprocal, quotient, split_root, join_roots,
                clear_denominator, interpolate, square, signs)
}  # fmt: skip
COMMON = {"commute", "signs"}  # nearly always possible: tried after the others
PASSES = 4


def rewritten(shape, draw, laws, used, rate):
    """A pass over a program, from the inputs on: at some operations one law is applied, wherever one can be."""
    done = {}
    for one in ordered(shape.values()):
        new = one if one.op in LEAVES else make(one.op, *(done[arg] for arg in one.args))
        for name in sorted(laws, key=lambda name: draw.random() + (name in COMMON)) if draw.random() < rate else ():
            if found := [other for other in laws[name](new) if other is not new]:
                new = draw.choice(found)
                used[name] += 1
                break
        done[one] = new
    return {name: done[root] for name, root in shape.items()}


# --- what is carried from step to step ----------------------------------------------------------------------------------------------------

POWERS = {"power1": "beta1", "power2": "beta2", "product": "beta1"}


def powers_by(kind):
    """βᵗ by repeated multiplication, as a power, or by exp and log."""

    def change(shape):
        if kind == "repeated":
            return shape
        t = leaf("t")
        found = {
            make("mul", leaf(name), hyper_parameter(beta)): node("pow", hyper_parameter(beta), t)
            if kind == "power"
            else make("exp", make("mul", t, make("log", hyper_parameter(beta))))
            for name, beta in POWERS.items()
        }
        return replaced(shape, found)

    return change


def carried(name, old, new, inverse_old, inverse_new):
    """Another quantity kept in the place of one of the state: what becomes of the new one, and what the old one is of it."""

    def change(shape):
        if name not in shape:
            return shape
        before = {leaf(name): inverse_old(leaf(name))}
        due = replaced({name: shape[name]}, before)[name]
        kept = new(due)
        rest = replaced(shape, before | {shape[name]: inverse_new(kept)})
        return rest | {name: kept}

    change.start = old
    return change


def pushed(op, n, k):
    """k n, or n / k, with k taken into the terms of n."""
    if n.op in ("add", "sub") and apart(n):
        return make(n.op, *(pushed(op, one, k) for one in n.args))
    if n.op == "neg":
        return make("neg", pushed(op, n.args[0], k))
    if n.op == "mul" and op == "div":
        for x, y in (n.args, n.args[::-1]):
            if x is k:
                return y
            if x.op == "mul" and k in x.args:
                return make("mul", x.args[x.args[0] is k], y)
    if n.op == "mul" and op == "mul":
        for x, y in (n.args, n.args[::-1]):
            if x.op == "div" and x.args[1] is k:
                return make("mul", x.args[0], y)
    return make(op, n, k)


def negated(name):
    return carried(name, lambda x, h, lr: -x, pushed_sign, lambda n: make("neg", n), lambda n: make("neg", n))


def pushed_sign(n):
    """−n, the sign taken into the terms."""
    if n.op in ("add", "sub"):
        return make("add", *(pushed_sign(one) if n.op == "add" or not k else one for k, one in enumerate(n.args)))
    if n.op == "mul":
        for x, y in (n.args, n.args[::-1]):
            if y.op == "neg":
                return make("mul", x, y.args[0])
    return make("neg", n)


def unweighted(name, beta):
    """A mean kept as a sum: what it is times its weight 1 − β."""
    weight = make("sub", 1, hyper_parameter(beta))
    old = functools.partial(make, "mul", weight)
    return carried(name, lambda x, h, lr: x / (1 - h[beta]), lambda n: pushed("div", n, weight), old, old)


def times_rate(constant):
    """The velocity kept as a step; rescaled where the learning rate changes."""
    now, before = leaf("lr"), leaf("lr" if constant else "last_lr")
    over = [lambda n, rate=rate: make("div", n, rate) for rate in (before, now)]
    return carried("velocity", lambda x, h, lr: lr * x, lambda n: pushed("mul", n, now), *over)


def ways_to_carry(c):
    """The other quantities that a program of this convention may keep."""
    ways = {"as it is": None, "negated": negated("velocity") if c.has_velocity else negated("m") if c.family in MEANS else None}
    if c.has_velocity and c.lr_placement == "outside":
        ways |= {"times the rate": times_rate(constant=False), "times the constant rate": times_rate(constant=True)}
    if c.family in MEANS and c.family != "nadam":
        ways["unweighted first"] = unweighted("m", "beta1")
    if c.family in (*MEANS, "rmsprop", "adadelta") and c.family not in ("adamax", "amsgrad"):
        ways["unweighted second"] = unweighted("v", "beta2")
    return {name: way for name, way in ways.items() if way or name == "as it is"}


MEANS = ("adam", "amsgrad", "adamax", "nadam", "radam")

# --- source -----------------------------------------------------------------------------------------------------------------------------

SYMBOLS = {"add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "div": "{} / {}", "neg": "-{}", "square": "{} ** 2", "pow": "{} ** {}",
           "gt": "{} > {}", "lt": "{} < {}"}  # fmt: skip
UFUNCS = {"add": "add", "sub": "subtract", "mul": "multiply", "div": "divide", "neg": "negative", "square": "square", "sqrt": "sqrt",
          "abs": "absolute", "maximum": "maximum", "minimum": "minimum"}  # fmt: skip


def source(shape, *, out=False):
    """A step as a program: one operation a line."""
    names, lines = {}, []
    for k, one in enumerate(ordered(shape.values())):
        if one.op == "leaf":
            names[one] = f"s['{one.args[0]}']" if one.args[0] in STATE else one.args[0]
        elif one.op == "hyper":
            names[one] = f"h['{one.args[0]}']"
        elif one.op == "const":
            names[one] = repr(one.args[0])
        else:
            names[one] = f"x{k}"
            lines.append(f"x{k} = {operation(one, [names[arg] for arg in one.args], k, out=out)}")
    state = ", ".join(f"{name!r}: {names[n]}" for name, n in shape.items())
    return "\n    ".join(["def advance(s, g, lr, t, h, w, fma, math):", *lines, f"return {{{state}}}"])


def operation(one, args, k, *, out):
    """One operation on the right of an assignment; `out`: into the place of its last result."""
    if one.op == "fma":
        return f"fma({', '.join(args)})"
    if one.op == "gradient":
        return f"g({args[0]})"
    if out and one.array and one.op in UFUNCS and not all(is_const(arg) for arg in one.args):
        return f"w.setdefault({k}, np.{UFUNCS[one.op]}({', '.join(args)}, out=w.get({k})))"
    if one.op in SYMBOLS:
        return SYMBOLS[one.op].format(*args)
    return f"{'np' if one.array else 'math'}.{one.op}({', '.join(args)})"


def fused(a, b, c):
    """a b + c in a wider format, rounded to the one of the arrays."""
    if any(isinstance(one, np.ndarray) and one.dtype == object for one in (a, b, c)):
        return a * b + c
    kind = np.result_type(a, b, c)
    a, b, c = (np.asarray(one, kind).astype(np.float64 if kind == np.float32 else np.longdouble) for one in (a, b, c))
    return (a * b + c).astype(kind)[()]


# --- programs ---------------------------------------------------------------------------------------------------------------------------

HELD = ("arrays", "arrays", "in place", "coordinates", "wide state", "wide")
CONSTANTS = ("floats", "scalars")


@dataclass
class Program:
    """A subject: a convention in some order of operations. `held`: what its numbers are held in; `constants`: hyper-parameters as what."""

    convention: object
    settings: dict  # by our names, lr among them
    shapes: tuple  # of an early step, and of a late one
    start: object = None  # what the state at rest becomes
    carries: str = "as it is"
    held: str = "arrays"
    constants: str = "floats"
    used: Counter = field(default_factory=Counter)
    library = ""

    @property
    def parameters(self):
        return self.settings

    @property
    def changes_lr(self):
        return self.carries != "times the constant rate"

    def rectifies_in(self, dtype):
        """Whether its scalars must not be single: the length of the average, of which RAdam takes a root, loses its digits there."""
        return self.convention.family == "radam" and dtype is np.float32

    @functools.cached_property
    def sources(self):
        return tuple(source(one, out=self.held == "in place") for one in self.shapes)

    @functools.cached_property
    def functions(self):
        return tuple(compiled(one) for one in self.sources)

    def begin(self, theta, lr, settings):
        dtype = theta.dtype.type
        wide = {np.float64: np.longdouble, np.float32: np.float64}[dtype] if self.held.startswith("wide") else dtype
        number = dtype if self.constants == "scalars" and wide is dtype and not self.rectifies_in(dtype) else float
        hyper = {**HYPER, **self.settings, **settings}
        h = {name: number(value) for name, value in hyper.items()}
        theta = theta.astype(wide)
        parts = [self.rest(part, number(lr), h) for part in (theta if self.held == "coordinates" else [theta])]
        spaces = [{} for _ in self.shapes]
        now = {"t": 0}
        library = math if number is float else np

        def advance(grad, rate):
            now["t"] += 1
            at = is_late(self.convention, now["t"], hyper)
            grads = grad if self.held == "coordinates" else [grad if callable(grad) else grad.astype(wide)]
            for s, g in zip(parts, grads, strict=True):
                seen = (lambda point: grad(point).astype(wide)) if callable(g) else float(g) if isinstance(s["theta"], float) else g
                new = self.functions[at](s, seen, number(rate), now["t"], h, spaces[at], fused, library)
                for name, value in new.items():
                    s[name] = value.copy() if isinstance(value, np.ndarray) else value
                if self.held == "wide state":
                    s["theta"] = s["theta"].astype(dtype).astype(wide)
            return np.array([s["theta"] for s in parts], dtype) if self.held == "coordinates" else parts[0]["theta"].astype(dtype)

        return Run(advance, changes_lr=self.changes_lr, takes_function=self.convention.nesterov_form == "lookahead")

    def rest(self, theta, lr, h):
        """The state at rest."""
        values = SimpleNamespace(**{"initial_size": lr, **h})
        s = vars(begin(self.convention, float(theta) if type(theta) is np.float64 else theta, [lr], values))
        s = {name: s[name] for name in self.shapes[-1]}
        return s | ({name: change(s[name], h, lr) for name, change in (self.start or {}).items() if name in s})

    def exactly(self, theta, grads, lrs, slopes=None, **hyper):
        """The points that it visits in another arithmetic."""
        one = 0 * lrs[0] + 1
        library = SimpleNamespace(sqrt=np.sqrt, exp=np.exp, log=lambda x: np.log(one * x))  # of plain numbers, too
        functions = [compiled(source(shape)) for shape in self.shapes]
        h = {**HYPER, **hyper}
        s = vars(begin(self.convention, theta, lrs, SimpleNamespace(**h)))
        s = {name: s[name] for name in self.shapes[-1]}
        s |= {name: change(s[name], h, lrs[0]) for name, change in (self.start or {}).items() if name in s}
        points = []
        for t, (row, lr) in enumerate(zip(grads, lrs, strict=True), start=1):
            g = (lambda point, row=row, t=t: row + slopes[t - 1] * point) if self.convention.nesterov_form == "lookahead" else row
            s = functions[is_late(self.convention, t, self.settings)](s, g, lr, t, h, {}, fused, library)
            points.append(s["theta"])
        return np.stack(points)


@functools.lru_cache(1024)
def compiled(text):
    names = {"np": np}
    exec(compile(text, "<reordering>", "exec"), names)
    return names["advance"]


# --- drawing ----------------------------------------------------------------------------------------------------------------------------

DRAWN = {  # values that people use, and a range
    "lr": ((1e-3, 0.1, 0.01, 3e-4), (1e-4, 1.0)),
    "momentum": ((0.9, 0.99, 0.95, 0.5), (0.3, 0.99)),
    "dampening": ((0.1, 0.5, 0.9), (0.05, 0.95)),
    "beta1": ((0.9, 0.95, 0.8, 0.5), (0.3, 0.99)),
    "beta2": ((0.999, 0.99, 0.9, 0.98, 0.9995), (0.5, 0.9995)),
    "eps": ((1e-8, 1e-7, 1e-6, 1e-3, 1e-10), (1e-9, 0.3)),
    "eps_root": ((1e-8, 1e-6), (1e-9, 0.1)),
    "weight_decay": ((0.01, 0.1, 1e-4, 5e-4), (1e-4, 0.3)),
    "lr_decay": ((0.01, 1e-3), (1e-3, 0.3)),
    "initial_second_moment": ((0.1, 0.01), (0.01, 2.0)),
    "momentum_decay": ((0.004,), (0.001, 0.5)),
    "grow": ((1.2, 1.5, 1.1), (1.05, 2.0)),
    "shrink": ((0.5, 0.6), (0.2, 0.9)),
    "smallest": ((1e-6,), (1e-7, 1e-3)),
    "largest": ((50.0, 1.0), (0.5, 60.0)),
}


@functools.cache
def right_ones(family):
    """The right conventions of a family."""
    return tuple(combinations(family, mistaken=False))


def knows(c):
    """The hyper-parameters that a convention knows."""
    return {
        "lr": c.family != "rprop" and (c.family != "adadelta" or c.lr_placement != "none" or c.weight_decay in ("decoupled", "after-step")),
        "dampening": c.dampening in ("first-step-full", "from-zero"),
        "weight_decay": c.weight_decay != "none",
        "initial_second_moment": c.initial_second_moment == "given",
        "momentum_decay": c.schedule in ("dozat", "dozat-in-blend"),
        **dict.fromkeys(("smallest", "largest", "initial_size"), c.family == "rprop"),
        **dict.fromkeys(c.needs, True),
    }


def drawn(name, draw):
    """A value of a hyper-parameter."""
    usual, (low, high) = DRAWN[name]
    if draw.random() < 0.5:
        return draw.choice(usual)
    if name in ("beta1", "beta2", "momentum"):
        return 1 - math.exp(draw.uniform(math.log(1 - high), math.log(1 - low)))
    return math.exp(draw.uniform(math.log(low), math.log(high)))


@dataclass(frozen=True)
class Case:
    """A convention and its hyper-parameters, of which there are several programs."""

    convention: object
    settings: tuple

    @functools.cached_property
    def shapes(self):
        return tuple(traced(self.convention, dict(self.settings), late) for late in (False, True))


def case(seed, family=None):
    """A random case."""
    draw = random.Random(f"case {seed}")
    c = draw.choice(right_ones(family or draw.choice(sorted(FAMILIES))))
    known = {name for name, is_known in knows(c).items() if is_known} | {"lr"}
    known |= {"lr_decay"} if c.family == "adagrad" and not c.has_velocity and draw.random() < 0.3 else set()
    known |= {"eps_root"} if c.family == "adam" and c.eps == "outside" and draw.random() < 0.2 else set()
    settings = {name: drawn("lr" if name == "initial_size" else name, draw) for name in sorted(known)}
    if "initial_size" in settings:
        settings["smallest"] = min(settings["smallest"], settings["initial_size"])
        settings["largest"] = max(settings["largest"], settings["initial_size"])
    return Case(c, tuple(settings.items()))


def program(one, seed, laws=LAWS, passes=PASSES):
    """A random program of a case."""
    draw = random.Random(f"program {seed}")
    used = Counter()
    ways = ways_to_carry(one.convention)
    way = draw.choice(sorted(ways)) if draw.random() < 0.6 else "as it is"
    powers = powers_by(draw.choice(("repeated", "power", "exp and log")))
    many, count = draw.randrange(2**32), draw.randint(1, passes) if passes else 0
    shapes, rate = [], draw.choice((0.3, 0.6))
    for shape in live([ways[way](powers(shape)) if ways[way] else powers(shape) for shape in one.shapes]):
        again = random.Random(many)  # alike steps are written alike
        now = shape
        for _ in range(count):
            now = rewritten(now, again, laws, used, rate)
        if count and again.random() < 0.3:
            now = rewritten(now, again, {"fuse": fuse}, used, rate)
        shapes.append(now)
    held = draw.choice(HELD)
    if one.convention.nesterov_form == "lookahead" and held == "coordinates":
        held = "arrays"
    names = {"negated": ("velocity", "m"), "times the rate": ("velocity",), "times the constant rate": ("velocity",),
             "unweighted first": ("m",), "unweighted second": ("v",)}.get(way, ())  # fmt: skip
    start = dict.fromkeys(names, ways[way] and ways[way].start)
    return Program(one.convention, dict(one.settings), tuple(shapes), start, way, held, draw.choice(CONSTANTS), used)


def plain(one):
    """The program of a case as the bank has it."""
    return program(Case(one.convention, one.settings), 0, passes=0)


def stays_finite(subject, dtype):
    """Whether the formula itself stays within the format at the program's own hyper-parameters: decay over a tiny root need not."""
    run = settle(subject.parameters, Task("program", dtype=dtype)).runs[0]
    fixture, eps = fixture_for(changes_lr=subject.changes_lr), run.hyper.get("eps", HYPER["eps"])
    record = Record(fixture, run.lr, run.hyper, np.zeros(1, dtype), eps=eps)
    theta, grads, lrs, slopes = given(record, np.float64)
    with np.errstate(all="ignore"):
        points = subject.convention.trajectory(theta, grads, lrs, slopes, **run.hyper)
    return bool(np.max(np.abs(points)) < np.sqrt(np.finfo(dtype).max))


# --- judging ----------------------------------------------------------------------------------------------------------------------------


def records_of(subject, dtype):
    """The runs that the kit makes of a subject."""
    first, *others = settle(subject.parameters, Task("program", dtype=dtype)).runs
    fixture, kind = fixture_for(changes_lr=subject.changes_lr), np.dtype(dtype).type
    records = [follow(subject, fixture, first, kind)[0]]
    for run in others:
        with suppress(Misbehaved):  # as the kit does: at other values than its own a formula may grow without bound
            records.append(follow(subject, fixture, run, kind)[0])
    return records


def due(convention, record):
    """What a convention makes of a run, and its bound, kept for the next program that is fed alike."""
    key = (convention, record.lr, tuple(sorted(record.hyper.items())), record.fixture.name, record.takes_function, str(record.points.dtype))
    if key not in DUE:
        if len(DUE) > 4096:
            DUE.clear()
        DUE[key] = expected(convention, record)
    return DUE[key]


DUE = {}


def worst(subject, dtype):
    """The largest error of a program in bounds of its convention, as `measured` has it."""
    found = 0.0
    for record in records_of(subject, dtype):
        balls, allowed = due(subject.convention, record)
        found = max(found, float(np.max(in_bounds(errors_of(record.points, balls)[0], allowed))))
    return found


def objection(subject, dtype):
    """What is wrong with the verdict on a program, in words; "" if nothing is."""
    task = Task("reordering:Program", dtype=dtype)
    result = verdict_on(run_all(subject, task), task, "check")
    named = {result.convention, *(one.convention for one in result.identities), *result.candidates}
    if result.verdict not in (Verdict.CONFORMS, Verdict.AMBIGUOUS) or result.exit_code:
        return f"{result.verdict}: {result.sentence}"
    return "" if subject.convention.id in named else f"{result.convention} is named, not {subject.convention.id}"


DTYPES = ("float64", "float32")
ALIKE = 4  # programs of a case


def programs(count, first=0, laws=LAWS):
    """Programs with their seeds and dtypes."""
    for k in range(first, first + count):
        if k == first or k % ALIKE == 0:
            node.cache_clear()
            one = case(k // ALIKE)
        yield k, DTYPES[k // ALIKE % 2], program(one, k, laws)


def report(count, first=0, sample=100, every=500):
    """Judge many programs; print the worst error of every family, and every false alarm with its program."""
    errors, alarms, used, beyond = {}, 0, Counter(), 0
    for k, dtype, subject in programs(count, first):
        if not stays_finite(subject, dtype):
            beyond += 1
            continue
        try:
            found = worst(subject, dtype)
        except (ArithmeticError, Misbehaved) as problem:
            found = math.inf
            print(f"seed {k}: {type(problem).__name__}: {problem}")
        place = (subject.convention.family, dtype)
        errors.setdefault(place, []).append((found, k))
        used += subject.used
        said = objection(subject, dtype) if sample and k % sample == 0 and subject.convention.eps != "none" else ""
        if said or not found <= ALLOWED:
            alarms += 1
            print(f"FALSE ALARM seed {k} {dtype} {subject.convention.id} {subject.settings} {subject.carries}, {subject.held}, "
                  f"{subject.constants}: {found:.3g} bounds {said}\n{subject.sources[-1]}", flush=True)  # fmt: skip
        if (k + 1 - first) % every == 0:
            print(f"{k + 1 - first} of {count}, {alarms} false alarms, worst {max(max(one) for one in errors.values())[0]:.3g}", flush=True)
    print(f"{'family':10} {'dtype':8} programs  worst error in bounds (seed)")
    for (family, dtype), found in sorted(errors.items()):
        print(f"{family:10} {dtype:8} {len(found):8}  {max(found)[0]:.3f} ({max(found)[1]})")
    print(f"{beyond} of them were not run: the formula itself grows beyond the format")
    print("laws used:", ", ".join(f"{name} {times}" for name, times in used.most_common()))
    return alarms


def main():
    options = argparse.ArgumentParser(description="Judge random reorderings of right conventions.")
    options.add_argument("count", type=int, nargs="?", default=10_000)
    options.add_argument("--first", type=int, default=0, help="the first seed")
    options.add_argument("--sample", type=int, default=100, help="one in so many gets a full verdict; 0: none")
    given = options.parse_args()
    alarms = report(given.count, given.first, given.sample)
    print(f"as found: {alarms} false alarms over {given.count} programs, seeds {given.first} to {given.first + given.count - 1}")
    raise SystemExit(bool(alarms))


if __name__ == "__main__":
    main()
