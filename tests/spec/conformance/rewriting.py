"""Laws of real arithmetic that rewrite the statements of a program: the orders of operations that one formula can have.

A law is written as `pattern = template`. A capital letter stands for an expression: X and Y for arrays, S for scalars, W for anything but
1 - β, the others for anything. A sum or product has the form of a pattern in both orders of its operands.
"""

import ast
import itertools
from typing import NamedTuple

import numpy as np
from trainspec.spec.changes.patterns import Rewriting, Substitution, match, names_read, parse_expression, substitute
from trainspec.spec.changes.program import Program, assignment, read


class Form(NamedTuple):
    """A pattern, what takes its place, and the wildcards that do not stand for a number."""

    pattern: ast.expr
    template: ast.expr
    without_numbers: frozenset[str]


def parse_law(*texts):
    """Return the forms of a law: its patterns with the operands of sums and products in every order."""
    pairs = (map(parse_expression, text.split(" = ")) for text in texts)
    return [Form(form, template, operands_of_inner_differences(form)) for pattern, template in pairs for form in commuted(pattern)]


def commuted(node):
    """Return an expression with the operands of its sums and products in every order."""
    match node:
        case ast.BinOp(left, operator, right):
            pairs = list(itertools.product(commuted(left), commuted(right)))
            orders = [pairs, [pair[::-1] for pair in pairs]][: 1 + isinstance(operator, ast.Add | ast.Mult)]
            return [ast.BinOp(first, operator, second) for order in orders for first, second in order]
        case ast.UnaryOp(operator, operand):
            return [ast.UnaryOp(operator, form) for form in commuted(operand)]
        case ast.Call(function, [argument]):
            return [ast.Call(function, [form], []) for form in commuted(argument)]
    return [node]


def operands_of_inner_differences(pattern):
    """Return the wildcards in differences inside a pattern: 1 - β is not taken apart, as its terms nearly cancel."""
    inner = [part for part in ast.walk(pattern) if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Sub) and part is not pattern]
    return frozenset(operand.id for part in inner for operand in (part.left, part.right) if isinstance(operand, ast.Name))


SIMPLIFICATIONS = parse_law("--A = A", "A - -B = A + B", "A * 1 = A", "S / S = 1", "A / B * B = A", "A * B / B = A", "1 - (1 - A) = A")
LAWS = {
    "commute": parse_law("A + B = B + A", "A * B = B * A"),
    "reassociate sums": parse_law(
        "A + B + C = A + (B + C)", "A - B + C = A + C - B", "A - B + C = A - (B - C)", "A + B - C = A + (B - C)",
        "A - B - C = A - C - B", "A - B - C = A - (B + C)", "A - (B + C) = A - B - C", "A - (B - C) = A - B + C",
    ),
    "reassociate products": parse_law(
        "A * B * C = A * (B * C)", "A / B * C = A * C / B", "A / B * C = A * (C / B)", "A * B / C = A * (B / C)", "A / B / C = A / (B * C)",
        "A / B / C = A / C / B", "A / (B * C) = A / B / C", "A / (B / C) = A * (C / B)", "A / (B / C) = A * C / B",
    ),
    "distribute": parse_law(  # not over differences of scalars, which may be nearly 0
        "A * (B + C) = A * B + A * C", "A * (X - Y) = A * X - A * Y", "(A + B) / C = A / C + B / C", "(A - B) / C = A / C - B / C",
    ),
    "factor": parse_law(
        "A * B + A * C = A * (B + C)", "A * B - A * C = A * (B - C)", "A / C + B / C = (A + B) / C", "A / C - B / C = (A - B) / C",
    ),
    "gather": parse_law("A + A * W = A * (1 + W)", "A - A * W = A * (1 - W)"),
    "reciprocal": parse_law("A / B = A * (1 / B)"),
    "quotient": parse_law("A * (1 / B) = A / B"),
    "split root": parse_law("np.sqrt(A / B) = np.sqrt(A) / np.sqrt(B)"),
    "join roots": parse_law("np.sqrt(A) / np.sqrt(B) = np.sqrt(A / B)", "np.sqrt(A) * np.sqrt(B) = np.sqrt(A * B)"),
    "clear denominator": parse_law("A / (B / C + D) = A * C / (B + D * C)"),  # the way to Adam's efficient form
    "interpolate": parse_law("A * B + (1 - A) * C = B + (1 - A) * (C - B)", "A * B + (1 - A) * C = B - (1 - A) * (B - C)"),
    "square": parse_law("A**2 = A * A", "A * A = A**2"),
    "signs": parse_law(
        "X - Y = -(Y - X)", "X - Y = X + -Y", "A + -B = A - B", "-(A * B) = -A * B", "-(A / B) = -A / B", "-A * B = -(A * B)",
        "-A / B = -(A / B)",
    ),
}  # fmt: skip
FUSED = {"fuse": parse_law("A * B + X = fma(A, B, X)", "A * X + S = fma(A, X, S)", "X - A * B = fma(-A, B, X)")}
COMPLEMENT = parse_expression("1 - A")
FREQUENT = ("commute", "signs")  # nearly always possible, so tried after the others


def rewrites(node, law, arrays):
    """Return the other forms that a law gives an expression; `arrays` are the names that stand for arrays."""
    results = []
    for form in law:
        bindings = {}
        if (
            operator_of(form.pattern) is operator_of(node)
            and match(form.pattern, node, bindings)
            and all(is_allowed(form, letter, value, arrays) for letter, value in bindings.items())
        ):
            results.append(substitute(form.template, bindings))
    return results


def operator_of(node):
    """Return the type of an expression, or of its operator."""
    return type(getattr(node, "op", node))


def is_allowed(form, letter, value, arrays):
    """Return whether a wildcard may stand for a value."""
    if (letter in "XYS" and is_array(value, arrays) == (letter == "S")) or (letter == "W" and match(COMPLEMENT, value, {})):
        return False
    return letter not in form.without_numbers or not isinstance(value, ast.Constant)


def is_array(node, arrays):
    """Return whether an expression has the shape of θ."""
    return not names_read(node).isdisjoint(arrays)


def names_of_arrays(program):
    """Return the names that stand for arrays, the gradient's function among them."""
    arrays = {"theta", "gradient"}
    arrays |= {name for name, value in program.state.items() if is_array(value, arrays)}
    for statement in program.statements:
        arrays |= {statement.targets[0].id} if is_array(statement.value, arrays) else set()
    return arrays


def simplified(node, arrays=()):
    """Return what an operation comes to without being computed."""
    return next(iter(rewrites(node, SIMPLIFICATIONS, arrays)), node)


class RandomRewriting(Rewriting):
    """A traversal that applies a random law to a share of the operations, operands first; `used` counts the laws."""

    def __init__(self, draw, laws, rate, arrays, used):
        self.draw, self.laws, self.rate, self.arrays, self.used = draw, laws, rate, arrays, used

    def visit(self, node):
        """Return another form of an expression."""
        node = super().visit(node)
        if not isinstance(node, ast.BinOp | ast.UnaryOp | ast.Call):
            return node
        node = simplified(node, self.arrays)
        if self.draw.random() < self.rate:
            for name in sorted(self.laws, key=lambda name: self.draw.random() + (name in FREQUENT)):
                if forms := rewrites(node, self.laws[name], self.arrays):
                    self.used[name] += 1
                    return simplified(self.draw.choice(forms), self.arrays)
        return node


# --- programs ---------------------------------------------------------------------------------------------------------------------------


def in_single_assignments(program):
    """Return the program with a name of its own for every value; what the next step reads is assigned at the end."""
    names, statements = {}, []
    for index, statement in enumerate(program.statements):
        value = Substitution(names).visit(statement.value)
        name = statement.targets[0].id
        names[name] = read(f"{name}_{index}")
        statements.append(assignment(names[name].id, value))
    return Program((*statements, *(assignment(name, names[name]) for name in ("theta", *program.state))), program.state)


def with_random_inlining(program, draw):
    """Return the program, in single assignments, with the values of some names in the place of these."""
    values, statements, count = {}, [], len(program.statements) - len(program.state) - 1
    for statement in program.statements[:count]:
        value = Substitution(values).visit(statement.value)
        if draw.random() < 0.5 and "gradient" not in names_read(value):
            values[statement.targets[0].id] = value
        statements.append(assignment(statement.targets[0].id, value))
    return Program((*statements, *program.statements[count:]), program.state).without_unused()


def visited(program, traversal):
    """Return the program after a traversal of the right-hand sides of its statements."""
    statements = (assignment(statement.targets[0].id, traversal.visit(statement.value)) for statement in program.statements)
    return Program(tuple(statements), program.state)


def fma(a, b, c):
    """Return a b + c, computed in a wider format and rounded once."""
    if any(isinstance(value, np.ndarray) and value.dtype == object for value in (a, b, c)):
        return a * b + c
    dtype = np.result_type(a, b, c)
    a, b, c = (np.asarray(value, dtype).astype(np.float64 if dtype == np.float32 else np.longdouble) for value in (a, b, c))
    return (a * b + c).astype(dtype)[()]
