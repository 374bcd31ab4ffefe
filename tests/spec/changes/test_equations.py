"""The equations that people are shown: read back, they are the statements that run."""

import ast
import re

import numpy as np
import pytest
from trainspec.spec.arithmetic import Symbolic, proven_zero, symbols
from trainspec.spec.arithmetic.prover import Verdict
from trainspec.spec.changes.equations import symbol, without_argument, without_shape
from trainspec.spec.changes.patterns import names_assigned, names_read, parse_expression
from trainspec.spec.changes.program import Program, parse_statements, unparsed
from trainspec.spec.conformance.hyperparameters import DEFAULTS
from trainspec.spec.conformance.optimizers.algorithm import program
from trainspec.spec.conformance.optimizers.combinations import all_conventions
from trainspec.spec.conformance.optimizers.conventions import FAMILIES, canonical

RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹ᵗ⁺⁻", "0123456789t+-")
COMPARISONS = {"=": "==", "≥": ">=", "≤": "<="}
FUNCTIONS = ("max", "min", "sign", "exp", "log", "mean", "NewtonSchulz", "outer", "rowmeans", "columnmeans", "turned", "∇f")


class Reader:
    """A parser of rendered equations, written from the grammar that the module of the renderer states, not from its code."""

    def __init__(self, text, names):
        symbols_of = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
        calls = "|".join(FUNCTIONS[:-1])
        self.tokens = re.findall(rf"∇f|(?:{calls})(?=\()|{symbols_of}|if|else|\d+\.?\d*|[⁰¹²³⁴⁵⁶⁷⁸⁹ᵗ⁺⁻]+|[^\s]", text)
        self.names, self.place = names, 0

    @property
    def next(self):
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self, token=None):
        taken = self.next
        assert token is None or taken == token, (token, self.tokens[self.place :])
        self.place += 1
        return taken

    def condition(self):
        body = self.sum()
        if self.next in ("<", ">", "=", "≥", "≤"):
            operator = self.take()
            body = f"({body} {COMPARISONS.get(operator, operator)} {self.sum()})"
        if self.next == "if":
            self.take()
            test = self.condition()
            self.take("else")
            return f"({body} if {test} else {self.condition()})"
        return body

    def sum(self):
        total = self.quotient()
        while self.next in ("+", "−"):
            operator = "+" if self.take() == "+" else "-"
            total = f"({total} {operator} {self.quotient()})"
        return total

    def quotient(self):
        value = self.product()
        while self.next == "/":
            self.take()
            value = f"({value} / {self.product()})"
        return value

    def product(self):
        if self.next == "−":
            self.take()
            return f"(-{self.product()})"
        value = self.power()
        if self.next == "×":
            self.take()
            return f"(({self.atom()},) * {value})"
        while self.next and (self.next in self.names or self.next in ("(", "√", "|", "‖", *FUNCTIONS) or self.next[0].isdigit()):
            if self.next == self.closing:
                break
            value = f"({value} * {self.power()})"
        return value

    closing = ""

    def sequence(self):
        parts = [self.condition()]
        while self.next == ",":
            self.take()
            parts.append(self.condition())
        return parts

    def table(self, count):
        *rows, last = self.sequence()
        return f"({', '.join(rows)}, *{last})[:{self.names[count]}]"

    def power(self):
        base = self.atom()
        if self.next and self.next[0] in "⁰¹²³⁴⁵⁶⁷⁸⁹ᵗ⁺⁻":
            return f"({base} ** ({self.take().translate(RAISED)}))"
        while self.next == "ᵀ":
            self.take()
            base = f"np.transpose({base})"
        if self.tokens[self.place : self.place + 5] == ["^", "(", "−", "1", "/"]:  # of a shifted matrix, times what it solves for
            order = self.tokens[self.place + 5]
            self.place += 7
            matrix, shift = base[1:-1].rsplit(" + ", 1)
            return f"root_solve({matrix}, {self.power()}, order={order}, eps={shift})"
        if self.next == "^":
            self.take()
            self.take("(")
            exponent = self.condition()
            self.take(")")
            return f"({base} ** ({exponent}))"
        return base

    def atom(self):
        token = self.take()
        if token == "(":
            parts = self.sequence()
            self.take(")")
            return parts[0] if len(parts) == 1 else f"({', '.join(parts)})"
        if token == "Σ":
            return f"np.sum({self.product()})"
        if token == "√":
            return f"np.sqrt({self.atom()})"
        if token in ("|", "‖"):
            outer, self.closing = self.closing, token
            inner = self.condition()
            self.take(token)
            self.closing = outer
            return f"np.abs({inner})" if token == "|" else f"np.sqrt(np.sum({inner} ** 2))"
        if token in FUNCTIONS:
            self.take("(")
            arguments = self.sequence()
            self.take(")")
            if token == "NewtonSchulz":
                return f"newton_schulz({arguments[0]}, {arguments[1]}, eps={arguments[2]})"
            if token == "turned":
                return f"turned_basis({', '.join(arguments[:3])}, period={arguments[3]})"
            if token in ("rowmeans", "columnmeans"):
                return f"np.mean({arguments[0]}, axis={('columnmeans', 'rowmeans').index(token)})"
            function = {"outer": "np.linalg.outer", "max": "np.maximum", "min": "np.minimum", "∇f": "gradient"}.get(token, f"np.{token}")
            return f"{function}({', '.join(arguments)})"
        return self.names.get(token, token)


def names_of(step):
    """The symbols of a program's names, each of one name only."""
    every = set(step.state) | {"theta", "lr"}
    for statement in step.statements:
        every |= names_read(statement) | names_assigned(statement)
    every -= {"np", "gradient", "newton_schulz", "root_solve", "turned_basis"}
    names = {symbol(name): name for name in every}
    assert len(names) == len(every), "two names have one symbol"
    return names


def read_back(text, step):
    """The program that equations state."""
    names, statements, state = names_of(step), [], dict.fromkeys(step.state, "0")
    starts = {f"{symbol(name)}₀": name for name in step.state}
    if "∇f" not in text:
        statements.append("grad = gradient(theta)")
    for line in text.split(",   "):
        left, operator, right = re.match(r"(\S+) (←|=) (.*)", line).groups()
        known = {"n": "np.size(grad)"} | names | {"s₀": "initial_second_moment", "δ₀": "initial_size"}
        rows, _, count = right.partition(", of these the first ")
        value = Reader(rows, known).table(count) if count else Reader(right, known).condition()
        if operator == "=" and left in starts and left not in names:
            state[starts[left]] = value
        else:
            statements.append(f"{names[left]} = {value}")
    return Program(tuple(parse_statements("\n".join(statements))), {name: parse_expression(value) for name, value in state.items()})


def canonical_lines(step):
    """The statements of a program; the gradient at the point itself is asked for first, wherever that stands."""
    lines = [canonical_text(statement) for statement in step.statements]
    if "grad = gradient(theta)" in lines:
        place = lines.index("grad = gradient(theta)")
        assert not any("theta" in names_assigned(statement) for statement in step.statements[:place])
        lines.insert(0, lines.pop(place))
    return lines


def canonical_text(statement):
    """A statement as Python in which choices, counts and products are written in one way."""
    text = unparsed(statement)
    text = re.sub(r"np\.all\((.*)\)", r"\1", text)

    class Choices(ast.NodeTransformer):
        def visit_Call(self, node):
            self.generic_visit(node)
            return ast.IfExp(*node.args) if ast.unparse(node.func) == "np.where" else node

        def visit_MatMult(self, node):  # the equations write products of matrices as those of numbers
            return ast.Mult()

    return ast.unparse(Choices().visit(ast.parse(text)))


@pytest.mark.sampled(6)
@pytest.mark.parametrize("family", FAMILIES)
def test_equations_are_the_statements(family):
    """Of all conventions with one value off the canonical ones besides a mistake, and of every ninth of the others."""
    conventions = [convention for convention in all_conventions().values() if convention.family == family]
    for index, convention in enumerate(conventions):
        if convention.deviation_count <= 1 or index % 9 == 0:
            step = without_argument(program(convention), "eps_root")
            back = read_back(convention.equations, step)
            assert canonical_lines(back) == canonical_lines(step), convention.id


BRANCHING = {"rprop", "radam", "cautious_adamw", "cautious_lion", "lars", "lamb", "adafactor", "adafactor_factored", "muon", "prodigy"}


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    "family",
    sorted(FAMILIES.keys() - BRANCHING - {"shampoo", "shampoo_mean", "soap"}),
)
def test_equations_run_on_symbols(family):
    """Two steps of the canonical form and of every mistake, as they are shown; others branch on signs or norms, or have eigenvectors."""
    theta, grads, lrs = symbols("theta"), symbols("g", 2), symbols("eta", 2, positive=True)
    hyper = {name: symbols(name, positive=True) for name in DEFAULTS if name not in ("lr", "lr_decay", "eps_root")}
    for mistake in ("none", *FAMILIES[family].mistakes):
        convention = all_conventions().get("/".join([canonical(family).id, *([mistake] if mistake != "none" else [])]))
        if convention is None or mistake == "decay-one-ahead":
            continue
        back = read_back(convention.equations, without_argument(program(convention), "eps_root"))
        due = convention.trajectory(theta, grads, lrs, **hyper, eps_root=0)
        values = {name: hyper[name] for name in back.parameters}
        point, state = theta, back.start(theta=theta, lr=lrs[0], **values)
        for row, lr, expected in zip(grads, lrs, due, strict=True):
            point, *state = back.step(point, lambda at, row=row: row, lr, *state, **values)
            gap = Symbolic.object_array(np.stack([point - expected])).ravel()
            assert all(proven_zero(entry).verdict is Verdict.HOLDS for entry in gap), convention.id


def test_initial_values_are_shown():
    assert unparsed(without_shape(parse_expression("eps + 0 * theta"))) == "eps"
    assert unparsed(without_shape(parse_expression("0 * theta"))) == "0"
