"""Proofs: the script that leads the proof assistant from the two sides of a claim to one identity of fractions.

From the inside out, each part that is no sum, product or quotient (a root, an exponential, a choice) is replaced by a fraction in atoms,
and the replacement is proven on the spot; at last the two sides are compared by `field`, with the squares of roots put in. SymPy looks for
these fractions. That is a search: what it comes to is checked by the assistant, and a step that is wrong fails.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from ..arithmetic.terms import NotApplicable
from .domains import Hypothesis, hypotheses, points
from .nodes import HALF, Node, holds, is_whole, walk
from .sums import Sums, is_plain, outermost
from .writing import (
    REASONS,
    RELATIONS,
    NotProved,
    Writer,
    assumptions_of,
    real_symbol,
    write_fraction,
    write_number,
    write_product,
    write_whole,
)

CASES = 64  # of the choices in a claim, at most
CHOICES = {"<": "less", "<=": "less_equal", "==": "equal"}  # in the names of the library's lemmas
SPLITS = {"<": "Rlt_le_dec", "<=": "Rle_lt_dec", "==": "Req_EM_T"}
OPPOSITE = {"<": ">=", "<=": ">"}
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}
KINDS = {"real": "R", "whole": "nat", "function": "R -> R"}


@dataclass
class Case:
    """What is known in one case of a proof: how parts are written by now, their values as fractions, the atoms, the choices made."""

    texts: dict[Node, str] = field(default_factory=dict)  # of the parts that were replaced
    memo: dict[Node, str] = field(default_factory=dict)  # of the others
    values: dict[Node, Any] = field(default_factory=dict)
    atoms: dict[Any, Any] = field(default_factory=dict)
    squares: list[tuple[Any, Any]] = field(default_factory=list)  # roots, and what their squares are
    zeros: list[tuple[Any, str]] = field(default_factory=list)  # fractions that are 0 in this case, and the names of the facts
    forms: dict[Node, Node] = field(default_factory=dict)  # of sums, as combinations of plain ones
    choices: dict[Node, tuple[bool, str]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def write(self, node: Node, text: str) -> None:
        """Note how a part is written from now on."""
        self.texts[node] = text
        self.memo.clear()


class Lemma:
    """One claim about real numbers as a statement and a proof."""

    def __init__(self, name: str, left: Node, right: Node, relation: str = "=") -> None:
        self.title, self.left, self.right, self.relation = name, left, right, relation
        nodes = list(walk(left, right))
        for op, reason in REASONS.items():
            if any(node.op == op for node in nodes):
                raise NotApplicable(reason)
        self.writer = Writer(nodes)
        if any(node.op == "fold" and node.data[1] != "sum" for node in nodes):
            raise NotApplicable("a maximum or a product over an index")
        if any(part.op == "choose" for node in nodes if node.op == "fold" for part in walk(node.args[0])):
            raise NotApplicable("a choice in a sum over an index")
        self.assumed = hypotheses([left, right])
        self.points = points([left, right], self.assumed)
        if not self.points:
            raise NotProved("no point of the domain is drawn")
        self.shares: dict[Any, int] = {}  # by how much the monomials of exponents are divided
        self.counter = itertools.count()
        self.cases = 0

    # --- statement

    def statement(self) -> str:
        """Return the statement."""
        case = Case()
        sides = [self.text(side, case) for side in (self.left, self.right)]
        premises = [f"(H{number} : {self.premise(each, case)})" for number, each in enumerate(self.assumed)]
        names = self.writer.names.names.items()
        binders = [f"({name} : {'nat -> ' * key[2] + 'R' if kind == 'array' else KINDS[kind]})" for (kind, key), name in names]
        facts = [text for (kind, key), name in names for text in self.facts(kind, key, name)]
        numbered = [f"(A{number} : {text})" for number, text in enumerate(facts)]
        head = " ".join([f"Lemma {self.title}", *binders, *numbered, *premises])
        return f"{head} :\n  {sides[0]} {self.relation} {sides[1]}."

    def facts(self, kind: str, key: Any, name: str) -> list[str]:
        """Return what is assumed of a variable."""
        if kind == "real":
            return assumptions_of(key, name)
        if kind == "array":
            indices = [f"i{number}" for number in range(key[2])]
            return [f"forall {' '.join(indices)}, {text}" for text in assumptions_of(key, " ".join([name, *indices]))]
        positive = kind == "whole" and dict(key[1]).get("positive") and key not in self.writer.shifted
        return [f"(1 <= {name})%nat"] if positive else []

    def premise(self, hypothesis: Hypothesis, case: Case) -> str:
        """Return a hypothesis as a proposition."""
        guards = "".join(f"forall {self.index(fold)}, ({self.range(fold)})%nat -> " for fold in hypothesis.sums)
        guards += "".join(f"{self.proposition(guard, case, truth=truth)} -> " for guard, truth in hypothesis.guards)
        part = self.text(hypothesis.node, case)
        return guards + {"<>": f"{part} <> 0", ">": f"0 < {part}", ">=": f"0 <= {part}"}[hypothesis.relation]

    def index(self, fold: Node) -> str:
        """Return the name of the index of a sum."""
        return self.writer.bound[fold.data[0]]

    def range(self, fold: Node) -> str:
        """Return the range of the index of a sum."""
        low, high = (write_whole(self.writer.whole(end)) for end in fold.args[1:])
        return f"{low} <= {self.index(fold)} <= {high}"

    def proposition(self, condition: Node, case: Case, *, truth: bool) -> str:
        """Return a condition, or its opposite, as a proposition."""
        left, right = (self.text(arg, case) for arg in condition.args)
        yes, no, _ = RELATIONS[condition.data]
        return f"{left} {yes} {right}" if truth else f"{left} <> {right}" if condition.data == "==" else f"{right} {no} {left}"

    def text(self, node: Node, case: Case) -> str:
        """Return a node as it is written in this case."""
        if node in case.texts:
            return case.texts[node]
        if node in case.forms:
            return self.text(case.forms[node], case)
        if node not in case.memo:
            case.memo[node] = self.writer.operation(node, [self.text(arg, case) for arg in node.args], case.texts)
        return case.memo[node]

    # --- cases

    def prove(self) -> str:
        """Return the statement and its proof; NotProved says why none is written."""
        statement = self.statement()  # it names the variables
        before = None
        while before != self.shares:
            before = dict(self.shares)
            self.counter, self.cases = itertools.count(), 0
            lines = self.prove_case(Case(), self.points)
        return "\n".join([statement, "Proof.", *lines, "Qed.", ""])

    def fresh(self, letter: str) -> str:
        """Return a name that is not in use."""
        return f"{letter}{next(self.counter)}'"

    def prove_case(self, case: Case, sample: list[Any]) -> list[str]:
        """Return the proof of one case; a choice in it that is open makes two."""
        self.cases += 1
        if self.cases > CASES:
            raise NotProved("too many cases")
        if not sample:
            return self.contradiction(case)
        condition = self.open_condition(case)
        if condition is None:
            return self.conclusion(case)
        name = self.fresh("C")
        left, right = (self.text(arg, case) for arg in condition.args)
        lines = [f"destruct ({SPLITS[condition.data]} {left} {right}) as [{name}|{name}]."]
        for truth in (True, False):
            inner = Case(choices={**case.choices, condition: (truth, name)})
            kept = [point for point in sample if holds(condition, point, {}) == truth]
            proof = self.prove_case(inner, kept if kept or condition.data != "==" or not truth else sample[:1])
            lines.append("\n  ".join(["{", *proof, "}"]))
        return lines

    def open_condition(self, case: Case) -> Node | None:
        """Return a condition that decides a value in this case and is open, and all choices in which are made."""
        waiting, seen = [self.left, self.right], set()
        while waiting:
            node = waiting.pop(0)
            if node in seen:
                continue
            seen.add(node)
            if node.op != "choose":
                waiting += node.args
                continue
            condition, yes, no = node.args
            if condition not in case.choices:
                inner = next((part for part in walk(*condition.args) if part.op == "choose" and part.args[0] not in case.choices), None)
                return inner.args[0] if inner else condition
            waiting = [*condition.args, yes if case.choices[condition][0] else no, *waiting]
        return None

    def contradiction(self, case: Case) -> list[str]:
        """Return the end of a case that cannot be: what its conditions say of fractions contradicts what is known of their signs."""
        case.lines = self.take_hypotheses(case)
        self.replace_sums(case, [side for condition in case.choices for side in condition.args])
        facts = []
        for condition, (truth, _) in list(case.choices.items()):
            relation = {"==": "="}.get(condition.data, condition.data if truth else OPPOSITE.get(condition.data, ""))
            if condition.data == "==" and not truth:
                continue
            gap = sp.factor(tidy(self.value(condition.args[0], case) - self.value(condition.args[1], case)))
            sides = [self.text(arg, case) for arg in condition.args]
            if (-gap).is_nonnegative:
                gap, sides, relation = -gap, sides[::-1], MIRRORED[relation]
            name = self.fresh("K")
            equal = f"assert ({name}e : {sides[0]} - {sides[1]} = {write_fraction(gap)}) by by_field"
            case.lines.append(f"assert ({name} : {write_fraction(gap)} {relation} 0) by ({equal}; lra).")
            facts.append(f"impossible {name}")
        return [*case.lines, f"exfalso; first [ {' | '.join(['lra', *facts, 'solve [nra]'])} ]."]

    def take_hypotheses(self, case: Case) -> list[str]:
        """Return the steps that keep the hypotheses about this case and remove the others."""
        lines = []
        for number, hypothesis in enumerate(self.assumed):
            if not self.concerns(hypothesis, case):
                lines.append(f"clear H{number}.")
            elif hypothesis.guards:
                lines.append(f"specialize (H{number} {' '.join(case.choices[guard][1] for guard, _ in hypothesis.guards)}).")
        return lines

    def concerns(self, hypothesis: Hypothesis, case: Case) -> bool:
        """Return whether a hypothesis speaks of this case."""
        return all(guard in case.choices and case.choices[guard][0] == truth for guard, truth in hypothesis.guards)

    def conclusion(self, case: Case) -> list[str]:
        """Return the proof of a case in which all choices are made."""
        case.lines = self.take_hypotheses(case)
        self.replace_sums(
            case, [self.left, self.right, *(each.node for each in self.assumed if not each.sums and self.concerns(each, case))]
        )
        values = [self.value(side, case) for side in (self.left, self.right)]
        case.zeros = list(self.zeros(case))
        texts = [self.text(side, case) for side in (self.left, self.right)]
        if self.relation == "=":
            return [*case.lines, f"{self.equation(values, texts, case)}."]
        return [*case.lines, *self.inequality(values, texts)]

    def replace_sums(self, case: Case, parts: list[Node]) -> None:
        """Write the steps that replace the sums in parts by combinations of plain ones, which are atoms from then on."""
        sums = Sums(self.writer, lambda node: self.text(node, case), self.fresh)
        waiting = taken_sums(parts, case)
        while waiting:
            fold = waiting.pop(0)
            if fold in case.forms or is_plain(fold):
                continue
            new = sums.node(sums.combination(fold))
            case.lines += sums.lines
            sums.lines.clear()
            if fold in sums.facts:
                name, old = self.fresh("e"), self.text(fold, case)
                replaced = f"set ({name} := {old}) in {self.open_facts(case, sums.facts[fold])}; clearbody {name}; subst {name}"
                case.lines.append(f"first [{replaced} | idtac].")  # nothing is to be done where the names of indices are all that differs
            case.forms[fold] = new
            case.memo.clear()
            waiting += outermost(new)
        for plain in outermost(*case.forms.values()):
            if is_plain(plain):
                name, where = self.fresh("T"), self.open_facts(case)
                case.lines.append(f"set ({name} := {self.text(plain, case)}){' in ' + where if where != '|- *' else ''}; clearbody {name}.")
                case.write(plain, name)
                case.values[plain] = sp.Symbol(name, real=True)

    def zeros(self, case: Case) -> Iterator[tuple[Any, str]]:
        """Yield the fractions that are 0 in a case, each with a fact that says so: sides that are equal, or neither above the other."""
        below: dict[Any, str] = {}
        for condition, (truth, fact) in list(case.choices.items()):
            left, right = (self.value(arg, case) for arg in condition.args)
            gap = tidy(left - right if truth else right - left)
            if condition.data == "==" and truth:
                yield gap, fact
            if condition.data == ("<=" if truth else "<"):
                if gap.is_nonnegative or tidy(-gap) in below:
                    yield gap, fact
                below[gap] = fact

    # --- fractions

    def value(self, node: Node, case: Case) -> Any:
        """Return a node as a fraction in atoms, after the steps that prove it are written."""
        for part in taken_parts(node, case):
            case.values[part] = self.step(part, case)
        return case.values[node]

    def step(self, node: Node, case: Case) -> Any:
        """Return one operation on fractions as a fraction in atoms."""
        args: list[Any] = [case.values.get(arg) for arg in node.args]
        match node.op:
            case "constant":
                return sp.Rational(node.data.numerator, node.data.denominator)
            case "symbol":
                return self.whole_number(node, case) if is_whole(node) else real_symbol(node.data, self.text(node, case))
            case "add":
                return sp.Add(*args)
            case "multiply":
                return sp.Mul(*args)
            case "negative":
                return -args[0]
            case "divide":
                self.note_divisor(node.args[1], case)
                return args[0] / args[1]
            case "entry":
                return real_symbol(node.data, self.text(node, case))
            case "fold":
                return case.values[case.forms[node]]
        rules = {"choose": self.choose, "exp": self.exponential, "log": self.logarithm, "apply": self.apply, "power": self.power}
        return rules[node.op](node, case)

    def replace(self, node: Node, old: str, new: str, proof: str, case: Case) -> None:
        """Write the step that replaces a text by another, with the proof that they are equal; a node is written so from now on."""
        name = self.fresh("e")
        case.lines.append(f"assert (E{name} : {old} = {new}) by ({proof}); set ({name} := {old}) in {self.open_facts(case, f'E{name}')}.")
        case.lines.append(f"clearbody {name}; subst {name}.")
        case.write(node, new)

    def open_facts(self, case: Case, *others: str) -> str:
        """Return the names of the facts in which parts are replaced: the hypotheses and the choices; and the goal."""
        names = [f"H{number}" for number, hypothesis in enumerate(self.assumed) if self.concerns(hypothesis, case)]
        return f"{', '.join([*others, *names, *dict.fromkeys(fact for _, fact in case.choices.values())])} |- *".lstrip()

    def rewriting(self, node: Node, text: str, case: Case) -> str:
        """Return the tactic that writes a part in another form, if it is another."""
        old = self.text(node, case)
        return "" if text.strip("()") == old.strip("()") else f"replace {old} with ({text}) by by_field; "

    def whole_number(self, node: Node, case: Case) -> Any:
        """Return a whole number as a real one."""
        name, shifted = self.writer.names.name("whole", node.data), node.data in self.writer.shifted
        atom = self.fresh("N")
        positive = dict(node.data[1]).get("positive") and not shifted
        fact = f"assert (1 <= {atom}) by (apply (le_INR 1); lia)" if positive else f"assert (0 <= {atom}) by apply pos_INR"
        where = self.open_facts(case)
        case.lines.append(f"set ({atom} := INR {name}){' in ' + where if where != '|- *' else ''}; {fact}; clearbody {atom}.")
        case.write(node, f"({atom} + 1)" if shifted else atom)
        symbol = sp.Symbol(atom, positive=True) if positive else sp.Symbol(atom, nonnegative=True)
        return symbol + 1 if shifted else symbol

    def choose(self, node: Node, case: Case) -> Any:
        """Return the part that is taken."""
        condition, yes, no = node.args
        truth, fact = case.choices[condition]
        part = yes if truth else no
        proof = f"apply {'chosen' if truth else 'other'}_{CHOICES[condition.data]}; exact {fact}"
        self.replace(node, self.text(node, case), self.text(part, case), proof, case)
        return case.values[part]

    def note_divisor(self, node: Node, case: Case) -> None:
        """Write the steps that show the factors of a divisor not to be 0, as the divisor is not."""
        number = next((n for n, h in enumerate(self.assumed) if h.node is node and h.relation == "<>" and self.concerns(h, case)), None)
        if number is None or ("divisor", node) in case.atoms:
            return
        case.atoms["divisor", node] = True
        value = case.values[node]
        for factor, power in factor_fraction(value)[1]:
            if power < 0 or factor.is_zero is False:
                continue
            name, zero = self.fresh("D"), self.fresh("Q")
            text, rest = write_fraction(factor), write_fraction(tidy(value / factor))
            product = f"assert ({name}e : {self.text(node, case)} = {text} * {rest}) by by_field"
            case.lines.append(
                f"assert ({name} : {text} <> 0) by ({product}; intro {zero}; apply H{number}; rewrite {name}e, {zero}; ring)."
            )

    # --- powers and roots

    def power(self, node: Node, case: Case) -> Any:
        """Return a power."""
        base, exponent = node.args
        value = case.values[base]
        if exponent.op == "constant" and exponent.data.denominator <= 2:
            if exponent.data < 0:
                self.note_divisor(base, case)
            root = value if exponent.data.denominator == 1 else self.root(base, case)
            return root ** int(exponent.data.numerator)
        if not is_whole(exponent):
            return self.real_power(node, case)
        ups = self.writer.exponents(exponent)
        up, down = (self.whole_power(base, part, case) for part in ups)
        texts = [f"({self.text(base, case)} ^ {write_whole(part)})" for part in ups]
        proof = f"{self.rewriting(base, write_product(base_factors(value)), case)}powers"
        self.replace(node, texts[0] if ups[1] == 0 else f"({texts[0]} / {texts[1]})", write_fraction(up / down), proof, case)
        return up / down

    def real_power(self, node: Node, case: Case) -> Any:
        """Return a power of a positive number, by exponential and logarithm."""
        base, exponent = node.args
        exponential = Node("exp", (Node("multiply", (exponent, Node("log", (base,)))),))
        value = self.value(exponential, case)
        case.write(node, self.text(exponential, case))
        return value

    def whole_power(self, base: Node, exponent: Any, case: Case) -> Any:
        """Return a power with symbols in its exponent: of each factor of the base one with each monomial of the exponent."""
        value, result = case.values[base], sp.Integer(1)
        for term in sp.Add.make_args(sp.expand(exponent)):
            number, monomial = term.as_coeff_Mul()
            if monomial == 1:
                result *= value ** int(number)
                continue
            for factor, power in base_factors(value):
                result *= self.power_atom(factor, monomial, case) ** int(power * number)
        return result

    def power_atom(self, base: Any, monomial: Any, case: Case) -> Any:
        """Return the power of a factor with one monomial as its exponent, as an atom."""
        key = ("power", base, monomial)
        if key not in case.atoms:
            text = f"({write_fraction(base)} ^ {write_whole(monomial)})"
            signs = {"positive": base.is_positive, "nonnegative": base.is_nonnegative}
            proofs = {"positive": "0 < {0}) by (apply pow_lt; positive)", "nonnegative": "0 <= {0}) by (apply pow_le; positive)"}
            facts = [f"assert ({proof.format('{0}')}" for word, proof in proofs.items() if signs[word]]
            if not base.is_positive:
                facts.append("try (assert ({0} <> 0) by (apply pow_nonzero; nonzero))")
            case.atoms[key] = self.atom("p", text, [f"assert (E{{0}} : {text} = {{0}}) by reflexivity", *facts], case, **signs)
        return case.atoms[key]

    def atom(self, letter: str, text: str, facts: list[str], case: Case, **signs: Any) -> Any:
        """Return a new atom for a text, after what is known of it is shown."""
        name = self.fresh(letter)
        steps = [f"pose ({name} := {text})", *(fact.replace("{0}", name) for fact in facts), f"clearbody {name}"]
        case.lines.append(f"{'; '.join(steps)}.")
        return sp.Symbol(name, real=True, **{word: True for word, truth in signs.items() if truth})

    def root(self, base: Node, case: Case) -> Any:
        """Return the square root of a node: a product of the roots of its positive factors and of what is left."""
        key = ("root", base)
        if key in case.atoms:
            return case.atoms[key]
        value = case.values[base]
        coefficient, factors = factor_fraction(value)
        inner, outer = square_free(coefficient)
        left, parts = inner, []
        for factor, power in factors:
            if factor.is_positive or (factor.is_nonnegative and power > 0):
                outer *= factor ** (power // 2)
                parts += [factor] * (power % 2)
            else:
                left *= factor**power
        if left.is_Rational and left > 0:
            parts += [left] * (left != 1)
        else:
            left = sp.factor(left)
            self.note_rest(base, tidy(value / left), left, "<=", case)
            parts.append(left)
        result = sp.Mul(outer, *(self.root_atom(part, case) for part in parts))
        text, old = write_fraction(result), self.text(base, case)
        square = self.equation([result**2, value], [f"{text} * {text}", old], case)
        proof = f"apply sqrt_lem_1; [positive | positive | {square}]"
        self.replace(Node("power", (base, HALF)), f"(sqrt {old})", text, proof, case)
        case.atoms[key] = result
        return result

    def note_rest(self, base: Node, positive: Any, rest: Any, relation: str, case: Case) -> None:
        """Write the step that shows a factor to be ≥ 0, or > 0, as the product with positive ones is."""
        text, rule = write_fraction(rest), {"<=": "Rmult_le_pos", "<": "Rmult_lt_0_compat"}[relation]
        share = f"({self.text(base, case)} * (/ {write_fraction(positive)}))"
        divided = f"replace {text} with {share} by by_field; apply {rule}; positive"
        case.lines.append(f"assert (0 {relation} {text}) by first [solve [positive] | {divided}].")

    def root_atom(self, part: Any, case: Case) -> Any:
        """Return the root of a fraction that is not negative as an atom."""
        key = ("root of", part)
        if key not in case.atoms:
            text = write_fraction(part)
            facts = [f"assert (S{{0}} : {{0}} * {{0}} = {text}) by (apply sqrt_sqrt; positive)", "assert (0 <= {0}) by apply sqrt_pos"]
            facts += ["assert (0 < {0}) by (apply sqrt_lt_R0; positive)"] * bool(part.is_positive)
            signs = {"positive": part.is_positive, "nonnegative": True}
            case.atoms[key] = self.atom("r", f"sqrt {text}", facts, case, **signs)
            case.squares.append((case.atoms[key], part))
        return case.atoms[key]

    # --- exponentials, logarithms and unknown functions

    def exponential(self, node: Node, case: Case) -> Any:
        """Return an exponential: a product of powers of those of single monomials; of a logarithm, its argument."""
        above, below = sp.fraction(tidy(case.values[node.args[0]]))
        logarithms = {atom: key[1] for key, atom in case.atoms.items() if key[0] == "log of"}
        result, steps = sp.Integer(1), []
        for term in sp.Add.make_args(sp.expand(above)):
            coefficient, monomial = (term / below).as_coeff_Mul()
            if coefficient == 0:
                continue
            if monomial in logarithms and coefficient.is_Integer:
                share, factor = 1, logarithms[monomial]
            else:
                share = self.shares[monomial] = math.lcm(self.shares.get(monomial, 1), int(coefficient.q))
                factor = self.exponential_atom(monomial / share, case)
            number = int(coefficient * share)
            result *= factor**number
            steps.append((number, write_fraction(monomial / share)))
        total = " + ".join(f"({write_number(number)} * {monomial})" for number, monomial in steps) or "0"
        proof = f"replace {self.text(node.args[0], case)} with ({total}) by by_field; rewrite ?exp_plus"
        for number, monomial in dict.fromkeys(steps):
            lemma = f"exp_{'up' if number > 0 else 'down'} {abs(number)} {write_number(number)} {monomial}"
            proof += f"; rewrite ({lemma}) by (simpl; ring)"
        self.replace(node, self.text(node, case), write_fraction(result), f"{proof}; exponentials", case)
        return result

    def exponential_atom(self, monomial: Any, case: Case) -> Any:
        """Return the exponential of a monomial as an atom."""
        key = ("exp of", monomial)
        if key not in case.atoms:
            text = write_fraction(monomial)
            facts = [f"assert (X{{0}} : exp {text} = {{0}}) by reflexivity", f"assert (L{{0}} : ln {{0}} = {text}) by apply ln_exp"]
            case.atoms[key] = self.atom("x", f"exp {text}", ["assert (0 < {0}) by apply exp_pos", *facts], case, positive=True)
        return case.atoms[key]

    def logarithm(self, node: Node, case: Case) -> Any:
        """Return a logarithm: the sum of those of the positive factors; of an exponential, its argument."""
        base = node.args[0]
        value = case.values[base]
        coefficient, factors = factor_fraction(value)
        exponents = {atom: key[1] for key, atom in case.atoms.items() if key[0] == "exp of"}
        parts = [(factor, power) for factor, power in factors if factor.is_positive]
        left = sp.factor(sp.Mul(sp.sign(coefficient), *(factor**power for factor, power in factors if not factor.is_positive)))
        parts += [(sp.Integer(prime), power) for prime, power in sp.factorint(abs(coefficient)).items()]
        if left != 1:
            self.note_rest(base, tidy(value / left), left, "<", case)
            parts.append((left, 1))
        total = sp.Add(
            *(power * (exponents[factor] if factor in exponents else self.logarithm_atom(factor, case)) for factor, power in parts)
        )
        proof = f"{self.rewriting(base, write_product(parts), case)}logarithms"
        self.replace(node, self.text(node, case), write_fraction(total), proof, case)
        return total

    def logarithm_atom(self, part: Any, case: Case) -> Any:
        """Return the logarithm of a positive fraction as an atom."""
        key = ("log of", part)
        if key not in case.atoms:
            text = write_fraction(part)
            facts = [
                f"assert (L{{0}} : ln {text} = {{0}}) by reflexivity",
                f"assert (X{{0}} : exp {{0}} = {text}) by (apply exp_ln; positive)",
            ]
            case.atoms[key] = self.atom("l", f"ln {text}", facts, case)
        return case.atoms[key]

    def apply(self, node: Node, case: Case) -> Any:
        """Return the value of a function as an atom: equal arguments give equal values."""
        argument = tidy(case.values[node.args[0]])
        function = self.writer.function(node)
        key = ("value of", function, argument)
        if key not in case.atoms:
            text = f"{function} {write_fraction(argument)}"
            case.atoms[key] = self.atom("y", text, [f"assert (Y{{0}} : {text} = {{0}}) by reflexivity"], case)
        name = case.atoms[key].name
        self.replace(node, self.text(node, case), name, f"rewrite <- Y{name}; f_equal; by_field", case)
        return case.atoms[key]

    # --- the end

    def equation(self, values: list[Any], texts: list[str], case: Case) -> str:
        """Return a tactic for the equality of two fractions: their difference is a combination of what is known to be 0."""
        rest = sp.together(values[0] - values[1])
        used = []
        known = [(root, root**2 - square, f"S{root.name}") for root, square in reversed(case.squares)]
        for variable, zero, fact in [*((leading_symbol(gap), gap, fact) for gap, fact in case.zeros), *known]:
            above, below = sp.fraction(sp.together(rest))
            top, low = sp.fraction(sp.together(zero))
            if variable is None or not above.has(variable):
                continue
            share = sp.factor(pseudo_quotient(above, top, variable) * low / below)
            if share != 0:
                used.append((share, zero, fact))
                rest = sp.together(rest - share * zero)
        if sp.expand(sp.numer(sp.together(rest))) != 0:
            raise NotProved("no identity of fractions is found")
        if not used:
            return "by_field"
        combination = " + ".join(f"{write_fraction(share)} * ({write_fraction(zero)})" for share, zero, _ in used)
        difference = f"assert (Z : {texts[0]} - {texts[1]} = {combination}) by by_field"
        zeros = "; ".join(f"replace ({write_fraction(zero)}) with 0 in Z by vanishes {fact}" for _, zero, fact in used)
        return (
            f"{difference}; {zeros}; rewrite ?Rmult_0_r, ?Rplus_0_r in Z; apply Rminus_diag_uniq; first [exact Z | rewrite <- Z; by_field]"
        )

    def inequality(self, values: list[Any], texts: list[str]) -> list[str]:
        """Return the proof that one fraction is below another: the difference in a form of which the sign is plain."""
        gap = values[1] - values[0]
        above, below = sp.fraction(tidy(gap))
        forms = [sp.factor(gap), sp.expand(above) / sp.factor(below), sp.expand(-above) / sp.factor(-below)]
        form = next((form for form in forms if (form.is_positive if self.relation == "<" else form.is_nonnegative)), None)
        if form is None:
            raise NotProved("an inequality whose sign no form shows")
        return [
            f"assert (G : 0 {self.relation} {write_fraction(form)}) by positive.",
            f"assert (Q : {texts[1]} - {texts[0]} = {write_fraction(form)}) by by_field.",
            "lra.",
        ]


def tidy(e: Any) -> Any:
    """Return a fraction in lowest terms."""
    return sp.cancel(sp.together(e))


def leading_symbol(e: Any) -> Any:
    """Return a symbol in which the numerator of a fraction is linear with a constant coefficient, or None."""
    above = sp.expand(sp.numer(sp.together(e)))
    symbols = sorted(above.free_symbols, key=str)
    return next((symbol for symbol in symbols if sp.degree(above, symbol) == 1 and sp.LC(above, symbol).is_number), None)


def pseudo_quotient(above: Any, below: Any, variable: Any) -> Any:
    """Return the fraction times which one polynomial is taken from another, so that what is left has a lower degree in a variable."""
    if sp.degree(above, variable) < sp.degree(below, variable):
        return sp.Integer(0)
    steps = sp.degree(above, variable) - sp.degree(below, variable) + 1
    return sp.pquo(above, below, variable) / sp.LC(below, variable) ** steps


def factor_fraction(value: Any) -> tuple[Any, list[tuple[Any, int]]]:
    """Return the coefficient of a fraction, and its irreducible factors with their exponents; those of known sign are positive."""
    above, below = sp.fraction(tidy(value))
    (first, top), (second, low) = sp.factor_list(above), sp.factor_list(below)
    coefficient, factors = sp.Rational(first) / second, []
    for factor, power in [*top, *((factor, -power) for factor, power in low)]:
        turned = factor.could_extract_minus_sign() and not factor.is_positive
        coefficient *= (-1) ** power if turned else 1
        factors.append((-factor if turned else factor, int(power)))
    return coefficient, factors


def base_factors(value: Any) -> list[tuple[Any, int]]:
    """Return the factors of a base with their exponents, the coefficient among them."""
    coefficient, factors = factor_fraction(value)
    return [(factor, power) for factor, power in [(coefficient, 1), *factors] if factor != 1]


def square_free(coefficient: Any) -> tuple[Any, Any]:
    """Return a number as a whole number without squares, and the root of the square that it is multiplied by."""
    number = abs(coefficient)
    inner, outer = sp.Integer(1), sp.Rational(1, number.q)
    for prime, power in sp.factorint(number.p * number.q).items():
        outer *= sp.Integer(prime) ** (power // 2)
        inner *= sp.Integer(prime) ** (power % 2)
    return sp.sign(coefficient) * inner, outer


def taken_sums(parts: Iterable[Node], case: Case) -> list[Node]:
    """Return the sums that parts are made of in a case, but not those of which these are made, each once."""
    folds, seen, waiting = [], set(), list(parts)
    while waiting:
        node = waiting.pop(0)
        if node not in seen:
            seen.add(node)
            if node.op == "fold":
                folds.append(node)
            else:
                waiting += node.args if node.op != "choose" else needed(node, case)
    return folds


def taken_parts(node: Node, case: Case) -> Iterator[Node]:
    """Yield the parts of a node that have no value yet, operands first; of a choice the condition's sides and what is taken."""
    done: set[Node] = set()
    waiting = [(node, False)]
    while waiting:
        part, ready = waiting.pop()
        if ready:
            yield part
        elif part not in done and part not in case.values:
            done.add(part)
            waiting.append((part, True))
            waiting.extend((arg, False) for arg in reversed(needed(part, case)))


def needed(node: Node, case: Case) -> tuple[Node, ...]:
    """Return the operands of which the value is needed."""
    if node.op == "choose":
        condition, yes, no = node.args
        return (*condition.args, yes if case.choices[condition][0] else no)
    if node.op == "fold":
        return (case.forms[node],)
    if node.op == "entry":
        return ()
    return node.args[:1] if node.op == "power" and is_whole(node.args[1]) else node.args
