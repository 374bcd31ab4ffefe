r"""A reader of the LaTeX that trainspec.spec.latex writes: equations become Python expressions of NumPy, which can be run.

    sum      = ["-"] product { ("+" | "-") product }
    product  = factor { ("\," | "\cdot" | "\otimes") factor }
    factor   = symbol | number | word | "(" … ")" | fraction | root | absolute value | floor | cases | function of arguments
             | "{" sum "}" with an exponent, an index or a transpose

The reader knows the notation, not the formulas: the symbols of variables are given to it.
"""

import re

WORD = r"\\(?:operatorname|mathrm|mathcal|text)\{(?:[^{}\\]|\\_)*\}"
BRACKET = r"\\(?:left|right)(?:\\[lr]floor|[^\s\\a-z])"
COMMAND = re.compile(f"{WORD}|{BRACKET}")
TOKEN = re.compile(r"\\(?:begin|end)\{cases\}|\\\\|\\,|\\;|\\[a-zA-Z]+|\d+(?:\.\d+)?(?:e-?\d+)?|.")
COMPARISONS = {"<": "<", ">": ">", r"\le": "<=", r"\ge": ">=", "=": "=="}
CONNECTIVES = {r"\text{ and }": "and", r"\text{ or }": "or"}
FUNCTIONS = {
    r"\exp": "np.exp",
    r"\log": "np.log",
    r"\tanh": "np.tanh",
    r"\arctan": "np.arctan",
    r"\sin": "np.sin",
    r"\cos": "np.cos",
    r"\max": "np.maximum",
    r"\min": "np.minimum",
}
NUMPY = {"sum", "mean", "prod", "sign", "any", "cumsum", "flip", "reshape", "expand_dims", "concatenate", "stack", "logaddexp", "divide"}
NUMPY |= {"size", "argmin", "arange", "eye", "max", "min", "ones_like", "tile", "diagonal"}
GENERATOR = {"permuted", "permutation"}
LINEAR_ALGEBRA = {"solve", "eigh", "eigvalsh", "qr"}
WORDS = {"True": "True", "False": "False", "None": "None"}


def tokens_of(text, symbols):
    """The tokens of an expression: a symbol is one, whatever it is made of."""
    by_length = sorted(symbols, key=len, reverse=True)
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        token = next((symbol for symbol in by_length if text.startswith(symbol, position)), "")
        for pattern in (COMMAND, TOKEN):
            match = pattern.match(text, position)
            if match and len(match[0]) > len(token):
                token = match[0]
        yield token
        position += len(token)


class Reader:
    """Reads one expression. `symbols` maps the symbol of each variable to its name in Python."""

    def __init__(self, text, symbols):
        self.symbols = symbols
        self.tokens = [*tokens_of(text, symbols), ""]
        self.position = 0

    def read(self):
        code = self.comparison()
        assert self.peek() == "", f"{self.tokens[self.position :]} is left"
        return code

    def peek(self):
        return self.tokens[self.position]

    def next(self, *expected):
        token = self.peek()
        assert not expected or token in expected, f"{token!r} instead of {expected}"
        self.position += 1
        return token

    def is_next(self, token):
        if self.peek() == token:
            self.position += 1
            return True
        return False

    def comparison(self):
        code = self.relation()
        while self.peek() in CONNECTIVES:
            code = f"({code}) {CONNECTIVES[self.next()]} ({self.relation()})"
        return code

    def relation(self):
        code = self.sum()
        while self.peek() in COMPARISONS:
            code = f"{code} {COMPARISONS[self.next()]} {self.sum()}"
        return code

    def sum(self):
        code = f"-{self.product()}" if self.is_next("-") else self.product()
        while self.peek() in ("+", "-"):
            code = f"{code} {self.next()} {self.product()}"
        return code

    def product(self):
        code = self.factor()
        while self.peek() in (r"\,", r"\cdot", r"\otimes"):
            sign = self.next()
            right = self.factor()
            code = f"np.linalg.outer({code}, {right})" if sign == r"\otimes" else f"{code} {'*' if sign == chr(92) + ',' else '@'} {right}"
        return f"({code})"

    def factor(self):
        token = self.next()
        if token in self.symbols:
            return self.applied(self.symbols[token]) if self.peek() == r"\left(" else self.symbols[token]
        if token[0].isdigit():
            return token
        if token == r"\left(":
            return self.parenthesised()
        if token == r"\left[":
            return f"[{', '.join(self.listed(chr(92) + 'right]'))}]"
        if token == r"\frac":
            return f"(({self.braced()}) / ({self.braced()}))"
        if token == r"\sqrt":
            return f"np.sqrt({self.braced()})"
        if token == r"\left|":
            code = self.comparison()
            self.next(r"\right|")
            return f"np.abs({code})"
        if token == r"\left\lfloor":
            self.next(r"\frac")
            code = f"(({self.braced()}) // ({self.braced()}))"
            self.next(r"\right\rfloor")
            return code
        if token == r"\begin{cases}":
            return self.cases()
        if token == "{":
            return self.marked()
        if token.startswith(r"\mathcal"):
            return self.draw(token)
        if token.startswith(r"\mathrm"):
            word = token[8:-1].replace(r"\_", "_")
            return WORDS.get(word, repr(word))
        return self.applied(self.function_called(token))

    def braced(self):
        self.next("{")
        code = self.comparison()
        self.next("}")
        return code

    def parenthesised(self):
        parts = self.listed(r"\right)")
        return f"({', '.join(parts)})" if len(parts) != 1 else f"({parts[0]})"

    def listed(self, closing, *, keywords=False):
        parts = []
        while not self.is_next(closing):
            if keywords and self.is_next(";"):
                value = self.comparison()
                parts.append(f"{re.sub('^[(]*(variable|field)_|[)]*$', '', value)}={value}")
            else:
                parts.append(self.keyword() + self.comparison() if keywords else self.comparison())
            self.is_next(",")
        return parts

    def keyword(self):
        """The name of a keyword argument, which stands in upright type before an equals sign."""
        if self.tokens[self.position + 1] != "=":
            return ""
        name = self.next()[len(r"\mathrm{") : -1].replace(r"\_", "_")
        self.next("=")
        return f"{name}="

    def marked(self):
        """{base} with an exponent, an index or a transpose."""
        base = self.comparison()
        self.next("}")
        if self.is_next("_"):
            return f"{base}[{self.index()}]"
        self.next("^")
        if self.tokens[self.position : self.position + 3] == ["{", r"\top", "}"]:
            self.position += 3
            return f"np.transpose({base})"
        return f"(({base}) ** ({self.braced()}))"

    def index(self):
        self.next("{")
        code = ""
        while not self.is_next("}"):
            code += ":" if self.is_next(":") else self.sum()
        return code

    def cases(self):
        rows = []
        while True:
            value = self.comparison()
            self.next("&")
            if self.is_next(r"\text{otherwise}"):
                self.next(r"\end{cases}")
                code = value
                for test, chosen in reversed(rows):
                    code = f"choose({test}, lambda: {chosen}, lambda: {code})"
                return code
            self.next(r"\text{if }")
            rows.append((self.comparison(), value))
            self.next(r"\\")

    def draw(self, token):
        self.next(r"\left(")
        parameters = self.listed(r"\right)")
        self.next("_")
        shape = self.braced()
        return f"source.standard_normal({shape})" if token == r"\mathcal{N}" else f"source.uniform({', '.join(parameters)}, {shape})"

    def function_called(self, token):
        if token in FUNCTIONS:
            return FUNCTIONS[token]
        assert token.startswith(r"\operatorname"), f"{token!r} is unknown"
        name = token[len(r"\operatorname{") : -1].replace(r"\_", "_")
        modules = {"np": NUMPY, "np.linalg": LINEAR_ALGEBRA, "source": GENERATOR}
        return next((f"{module}.{name}" for module, names in modules.items() if name in names), name)

    def applied(self, function):
        axis = ""
        if self.is_next("_"):
            self.next("{")
            axes = [self.sum()]
            while self.is_next(","):
                axes.append(self.sum())
            self.next("}")
            axis = axes[0] if len(axes) == 1 else f"({', '.join(axes)})"
        keeps = self.is_next("^")
        if keeps:
            for token in ("{", r"\ast", "}"):
                self.next(token)
        self.next(r"\left(")
        arguments = self.listed(r"\right)", keywords=True)
        if function == "length":
            return f"({arguments[0]}).shape[{axis}]"
        if function == "shape":
            return f"({arguments[0]}).shape"
        return f"{function}({', '.join([*arguments, *([f'axis={axis}'] if axis else []), *(['keepdims=True'] if keeps else [])])})"


def python_of(text, symbols):
    """The Python expression of one in LaTeX."""
    return Reader(text, symbols).read()
