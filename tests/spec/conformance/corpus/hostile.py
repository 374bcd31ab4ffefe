"""Hostile and clumsy subjects: a table of the lines in which they differ from a heavy ball, or from the statistics of a batch, that behave.

Each has the exit codes that are honest: 0 where what it does is harmless, 1 where it computes something else, 2 where it misbehaves.
"""

from dataclasses import dataclass, field

OPTIMIZER = """\
import numpy as np
{head}
class Mine:
    def __init__(self, theta, *, lr, momentum{extra}):
        self.theta, self.momentum, self.v = theta.copy(), momentum, 0 * theta
        {start}
    def step(self, grad, lr):
        {step}
        self.v = self.momentum * self.v + grad
        self.theta = self.theta - lr * self.v
        return {point}
{tail}
"""
FUNCTION = """\
import numpy as np
{head}
def mine(x{extra}):
    {step}
    return {point}
{tail}
"""
DEFAULTS = {"head": "", "extra": "", "start": "pass", "step": "pass", "tail": ""}


@dataclass(frozen=True)
class Hostile:
    """A subject: its source, the arguments of the command line, the files beside it, and the exit codes that are honest."""

    source: str
    codes: tuple[int, ...]
    arguments: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)


SUBJECTS: dict[str, Hostile] = {}
LIMIT = ("--timeout", "2")  # seconds, of those that never end


def add(kind, name, codes, arguments=(), files=None, **lines):
    """Add one subject of a kind."""
    codes = codes if isinstance(codes, tuple) else (codes,)
    point = "self.theta" if kind == "optimizer" else "x.mean(0), x.var(0)"
    template = OPTIMIZER if kind == "optimizer" else FUNCTION
    against = () if kind == "optimizer" else ("--against", "norm.batch.stats")
    source = lines.pop("source", None) or template.format(**{**DEFAULTS, "point": point, **lines})
    assert f"{kind}: {name}" not in SUBJECTS, name
    SUBJECTS[f"{kind}: {name}"] = Hostile(source, codes, (*against, *arguments), files or {})


# --- what a call of either does instead of its work, or before it ------------------------------------------------------------------------

UNPRINTABLE = "class Odd(Exception):\n    def __str__(self): raise RuntimeError('no text')\n    __repr__ = __str__\n"
EXCEPTIONS = {  # what is raised, and the lines before the class
    "an exception without text": ("raise Odd()", UNPRINTABLE),
    "an exception whose text ends the process": ("raise Odd()", "class Odd(Exception):\n    def __str__(self): raise SystemExit(0)\n"),
    "an exception whose text is 40 MB": ("raise ValueError('x' * (40 << 20))", ""),
    "an exception whose text is no text": ("raise Odd()", "class Odd(Exception):\n    def __str__(self): return 3\n"),
    "an exception with odd characters": ("raise ValueError('\\x1b[31m \\ud800 \\x00 \\u202e')", ""),
    "an exception with an odd name": ("raise type('\\x1b[2J' + 'N' * 10**6, (Exception,), {})('x')", ""),
    "an exception whose class has no name": (
        "raise Odd()",
        "class Meta(type):\n    @property\n    def __name__(cls): raise KeyError\nclass Odd(Exception, metaclass=Meta): pass\n",
    ),
    "an exception that is a text of its own": (
        "raise ValueError(Text())",
        "class Text(str):\n    def __str__(self): return self\n    def __getitem__(self, key): raise KeyError\n",
    ),
    "an exception that cannot be pickled": ("raise Odd(lambda: 1)", "class Odd(Exception): pass\n"),
    "an exception group": ("raise BaseExceptionGroup('group', [KeyError(), KeyboardInterrupt()])", ""),
    "a chain of exceptions that is a ring": ("a = KeyError(); a.__cause__ = a; raise a", ""),
    "an exception of the kit with an odd fault": (
        "raise FatalFault('no-such-kind', 'x')",
        "from trainspec.spec.conformance.guards import FatalFault\n",
    ),
    "keyboard interrupt": ("raise KeyboardInterrupt", ""),
    "generator exit": ("raise GeneratorExit", ""),
    "stop iteration": ("raise StopIteration", ""),
    "assertion": ("assert False, {1: b'\\xff'}", ""),
    "sys.exit(0)": ("import sys; sys.exit(0)", ""),
    "sys.exit of an object": ("import sys; sys.exit(object())", ""),
    "endless recursion": ("self_call()", "def self_call(): return self_call()\n"),
    "deep recursion in C": (
        "deep()",
        "def deep():\n    import sys; sys.setrecursionlimit(10**9)\n    x = []\n    for _ in range(10**6): x = [x]\n    repr(x)\n",
    ),
    "no memory": ("bytes(1 << 46)", ""),
    "no memory for an array": ("np.empty(1 << 46)", ""),
    "memory bit by bit": ("keep = []\n    while True: keep.append(bytes(1 << 30))", ""),
    "os._exit(0)": ("import os; os._exit(0)", ""),
    "os._exit(1)": ("import os; os._exit(1)", ""),
    "abort": ("import os; os.abort()", ""),
    "a segmentation fault": ("import ctypes; ctypes.string_at(0)", ""),
    "a signal to itself": ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", ""),
    "kill its group": ("import os, signal; os.killpg(0, signal.SIGKILL)", ""),
    "exec another program": ("import os; os.execv('/bin/true', ['true'])", ""),
    "all descriptors closed": ("import os; os.closerange(0, 4096)", ""),
    "garbage to all descriptors": (
        "import os\n    for n in range(3, 64):\n        try: os.write(n, b'\\x00\\x00\\x00\\x05hello')\n        except OSError: pass",
        "",
    ),
}
for name, (lines, head) in EXCEPTIONS.items():
    add("optimizer", f"{name}, in a step", 2, head=head, step=lines.replace("\n    ", "\n        "))
    add("function", f"{name}, in a call", 2, head=head, step=lines)

ENDLESS = {
    "sleeps": "import time; time.sleep(1000)",
    "computes": "\n    while True: pass",
    "waits for a lock": "import threading; l = threading.Lock(); l.acquire(); l.acquire()",
    "waits for input": "import sys, os; r, w = os.pipe(); os.read(r, 1)",
    "catches everything": "\n    import time\n    while True:\n        try: time.sleep(100)\n        except BaseException: pass",
    "ignores signals": "import signal, time\n    for s in (2, 15, 14): signal.signal(s, signal.SIG_IGN)\n    time.sleep(1000)",
    "stops itself": "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
    "a long product of integers": "10 ** 10 ** 10",
}
for name, lines in ENDLESS.items():
    add("function", f"{name} for ever", 2, LIMIT, step=lines)
add("optimizer", "sleeps in its start", 2, LIMIT, start="import time; time.sleep(1000)")
add(
    "optimizer",
    "sleeps from its tenth step",
    2,
    LIMIT,
    start="self.n = 0",
    step="import time; self.n += 1; time.sleep(1000 * (self.n > 10))",
)
add("optimizer", "starts a process in each step", (0, 2), LIMIT, step="import os, time\n        if not os.fork(): time.sleep(1000)")
add("optimizer", "prints for ever", 2, LIMIT, step="\n        while True: print('x' * 10**6)")

# --- what an import does ------------------------------------------------------------------------------------------------------------------

IMPORTS = {
    "sys.exit": ("import sys; sys.exit('no')", 2),
    "os._exit(0)": ("import os; os._exit(0)", 2),
    "an unprintable exception": (UNPRINTABLE + "raise Odd()", 2),
    "a missing module": ("import no_such_module_at_all", 2),
    "a syntax error": ("def (:", 2),
    "a text of 10 MB that is no code": ("(" * 10**5, 2),
    "prints": ("print('hello' * 10**6)", 0),
    "prints bytes that are no text": ("import sys; sys.stdout.buffer.write(b'\\xff\\xfe'); sys.stdout.flush()", 0),
    "standard streams closed": ("import sys; sys.stdout.close(); sys.stderr.close()", 0),
    "standard streams missing": ("import sys; sys.stdin = sys.stdout = sys.stderr = None", 0),
    "standard streams replaced": ("import sys, io; sys.stdout = io.StringIO(); sys.__stdout__ = None", 0),
    "descriptors closed": ("import os; os.closerange(0, 3)", 0),
    "output at exit": ("import atexit; atexit.register(print, 'good bye')", 0),
    "an endless exit": ("import atexit, time; atexit.register(time.sleep, 1000)", 0),
    "an exception hook": ("import sys; sys.excepthook = lambda *a: print('{}')", 0),
    "a trace function": ("import sys; sys.settrace(lambda *a: None)", 0),
    "no recursion": ("import sys; sys.setrecursionlimit(60)", (0, 2)),
    "warnings as errors": ("import warnings; warnings.simplefilter('error')", 0),
    "numpy errors raise": ("np.seterr(all='raise')", 0),
    "a decimal locale": ("import locale; locale.setlocale(locale.LC_ALL, '')", 0),
    "print options": ("np.set_printoptions(precision=1, legacy='1.13')", 0),
    "another working folder": ("import os; os.chdir('/')", 0),
    "its working folder removed": ("import os; os.rmdir(os.getcwd())", 0),
    "an empty environment": ("import os; os.environ.clear()", 0),
    "an empty path of modules": ("import sys; sys.path.clear()", (0, 2)),
    "no modules": ("import sys; sys.modules.clear()", (0, 2)),
    "a thread that never ends": ("import threading; threading.Thread(target=threading.Event().wait).start()", 0),
    "a daemon thread that prints": (
        "import threading, time\ndef talk():\n    while True: print('x'); time.sleep(.01)\n"
        "threading.Thread(target=talk, daemon=True).start()",
        2,
    ),
    "a timer": (
        "import signal; signal.signal(signal.SIGALRM, lambda *a: 1 / 0); signal.setitimer(signal.ITIMER_REAL, .3, .3)",
        (0, 2),
    ),  # it may not fire in time
    "low limits": ("import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12))", (0, 2)),
    "no garbage collection": ("import gc; gc.disable(); gc.set_threshold(1)", 0),
    "a seed": ("np.random.seed(0); import random; random.seed(0)", 0),
    "NumPy's asarray patched": ("np.asarray = lambda *a, **k: 1 / 0", 2),
    "NumPy's array patched": ("np.array = np.array_equal = lambda *a, **k: np.zeros(3)", 2),
    "NumPy's stack patched": ("np.stack = lambda *a, **k: 'stack'", 2),
    "NumPy's isfinite patched": ("np.isfinite = lambda *a, **k: True", 0),
    "NumPy's errstate patched": ("np.errstate = None", 2),
    "NumPy's dtype patched": ("np.dtype = np.float64 = None", 2),
    "pickle patched": ("import pickle; pickle.dumps = pickle.loads = None", 0),
    "os.read patched": ("import os; os.write = os.read = os.dup2 = os.lseek = None", (0, 2)),
    "print patched": ("import builtins; builtins.print = None", 0),
    "len patched": ("import builtins; builtins.len = lambda *a: 3", (1, 2)),
    "isinstance patched": ("import builtins; builtins.isinstance = lambda *a: True", (1, 2)),
    "open patched": ("import builtins; builtins.open = None", (0, 2)),
    "the import patched": ("import builtins; builtins.__import__ = lambda *a, **k: 1 / 0", 2),
    "exceptions patched": ("import builtins; builtins.Exception = builtins.BaseException = int", (0, 2)),
    "inspect patched": ("import inspect; inspect.signature = lambda f: 1 / 0", 2),
    "the kit's verdict patched": ("import trainspec.spec.conformance.result as r; r.Fault = r.Verdict = None", (0, 2)),
    "the kit's guards patched": ("import trainspec.spec.conformance.guards as g; g.call_guarded = lambda *a: 1 / 0", 2),
    "the kit called": ("import trainspec; trainspec.check('mine.py:Mine')", 2),
    "a child that sleeps": ("import os, time\nif not os.fork(): time.sleep(1000)", 0),
    "a child that goes on": ("import os; os.fork()", (0, 2)),
    "children that end": ("import os\nfor _ in range(50):\n    if not os.fork(): os._exit(0)", 0),
    "a daemon": ("import os, time\nif not os.fork():\n    os.setsid()\n    if os.fork(): os._exit(0)\n    time.sleep(1000)", 0),
    "a daemon without an environment": (
        "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'], env={}, start_new_session=True)",
        0,
    ),
    "a program that outlives it": ("import subprocess, os\nsubprocess.Popen(['sleep', '1000'], env={}, start_new_session=True)", 0),
    "a daemon of a process that ends": (
        "import os, subprocess\nsubprocess.Popen(['sleep', '1000'], env={}, start_new_session=True)\nos._exit(0)",
        2,
    ),
    "a pool of processes": ("import multiprocessing as mp; POOL = mp.get_context('fork').Pool(2); POOL.map(abs, [1, -2])", 0),
    "shared memory": ("from multiprocessing import shared_memory; SHARED = shared_memory.SharedMemory('hostile_shared', True, 100)", 0),
    "a server": (
        "import socket, threading; S = socket.socket(); S.bind(('127.0.0.1', 0)); S.listen(); "
        "threading.Thread(target=S.accept, daemon=True).start()",
        0,
    ),
    "files": ("import tempfile; open('left.txt', 'w').close(); tempfile.mkdtemp(); tempfile.mkstemp()", 0),
    "a folder that cannot be removed": ("import os; os.makedirs('a/b'); os.chmod('a', 0)", 0),
    "a deep folder": ("import os\nfor _ in range(5000): os.mkdir('d'); os.chdir('d')", 0),
    "a large file": ("f = open('large', 'wb'); f.truncate(1 << 33)", (0, 2)),
    "a module that replaces itself": ("import sys; sys.modules[__name__] = None", 0),
    "a module without names": ("def __getattr__(name): raise KeyError(name)", 0),
}
for name, (lines, codes) in IMPORTS.items():
    add("optimizer", f"import: {name}", codes, LIMIT, head=lines)

# --- what is returned ---------------------------------------------------------------------------------------------------------------------

ARRAYS = {  # what is made of an array `x`, and the honest code where it is the result
    "objects": ("x.astype(object)", 2),
    "texts": ("x.astype(str)", 2),
    "bytes": ("x.astype('S9')", 2),
    "structured": ("np.zeros(x.shape, [('a', float), ('b', int)])", 2),
    "a record": ("np.rec.array(np.zeros(x.shape, [('a', float)]))", 2),
    "complex": ("x + 0j", 2),
    "complex with an imaginary part": ("x + 1e-30j", 2),
    "masked": ("np.ma.masked_greater(x, -1e9)", 2),
    "masked, with no mask": ("np.ma.array(x)", (0, 2)),
    "dates": ("x.astype('datetime64[s]')", 2),
    "truth values": ("x > 0", (1, 2)),
    "half": ("x.astype(np.float16)", 2),
    "long double": ("x.astype(np.longdouble)", (0, 1, 2)),
    "swapped bytes": ("x.astype(x.dtype.newbyteorder())", (0, 2)),
    "a matrix": ("np.asmatrix(x)", 2),
    "a memory map": ("memory_map(x)", 0),
    "a read-only array": ("read_only(x)", 0),
    "a generator": ("(value for value in x)", 2),
    "a list": ("list(x)", (0, 2)),
    "nothing": ("None", 2),
    "not implemented": ("NotImplemented", 2),
    "ellipsis": ("...", 2),
    "a function": ("lambda: x", 2),
    "a type": ("float", 2),
    "a text": ("'x' * 10**8", 2),
    "an enormous integer": ("10**5000", 2),
    "a list of itself": ("ring()", 2),
    "a dictionary of itself": ("ring_of_names()", 2),
    "a deep list": ("deep()", 2),
    "an endless list": ("Endless()", 2),
    "an empty array": ("np.empty((0,))", 2),
    "a huge view": ("np.broadcast_to(x.ravel()[0], (1 << 20, 1 << 20))", 2),
    "zero-dimensional": ("np.float64(1)", 2),
    "not a number": ("x * np.nan", (1, 2)),
    "infinite": ("x + np.inf", (1, 2)),
    "what cannot be converted": ("Raises()", 2),
    "what converts to a text": ("Lies('text')", 2),
    "what converts to itself": ("Lies(None)", 2),
    "an array that lies about its shape": ("x.view(Shapeless)", (0, 2)),
    "an array equal to nothing": ("x.view(Unequal)", (0, 2)),
    "an array whose functions raise": ("x.view(Raising)", (0, 2)),
    "an array without memory": ("x.view(Nowhere)", (0, 2)),
    "a dataclass that raises": ("Record()", 2),
    "a mapping that lies": ("Names()", 2),
    "what ends the process when copied": ("Deadly()", 2),
    "what ends the process when deleted": ("keep_deadly(x)", (0, 2)),
}
HELPERS = """
import os, tempfile
from collections.abc import Mapping
def memory_map(x):
    m = np.memmap(tempfile.mktemp(), x.dtype, 'w+', shape=x.shape); m[...] = x; return m
def read_only(x):
    x = x.copy(); x.flags.writeable = False; return x
def ring(): r = []; r.append(r); return r
def ring_of_names(): r = {}; r['a'] = r; return r
def deep():
    r = []
    for _ in range(10**5): r = [r]
    return r
class Endless(list):
    def __iter__(self):
        while True: yield 1.0
    def __len__(self): return 3
class Raises:
    def __array__(self, *a, **k): raise TypeError('no array')
class Lies:
    def __init__(self, value): self.value = value
    def __array__(self, *a, **k): return self.value or self
class Shapeless(np.ndarray):
    shape = property(lambda self: 1 / 0)
class Unequal(np.ndarray):
    def __eq__(self, other): return False
    __ne__ = __eq__
class Raising(np.ndarray):
    def __array_function__(self, *a): raise KeyError
    def __array_ufunc__(self, *a, **k): raise KeyError
class Nowhere(np.ndarray):
    @property
    def __array_interface__(self): raise KeyError
class Record:
    __dataclass_fields__ = {'a': None}
    def __getattr__(self, name): raise RuntimeError(name)
class Names(Mapping):
    def __getitem__(self, key): raise KeyError(key)
    def __iter__(self): return iter(range(10**9))
    def __len__(self): return -1
class Deadly:
    def __array__(self, *a, **k): os._exit(0)
class DeadlyArray(np.ndarray):
    def __del__(self): raise RuntimeError('deleted')
def keep_deadly(x): return x.view(DeadlyArray)
"""
for name, (array, codes) in ARRAYS.items():
    point = array.replace("(x)", "(self.theta)").replace("x.", "self.theta.").replace("x *", "self.theta *")
    for pattern in ("x +", "x >", "in x"):
        point = point.replace(pattern, pattern.replace("x", "self.theta"))
    own = 0 if name == "nothing" else codes  # what has moved its array in place may return nothing
    add("optimizer", f"result: {name}", own, LIMIT, head=HELPERS, point=point.replace("lambda: x", "lambda: 1"))
    add("function", f"result: {name}", codes, LIMIT, head=HELPERS, step="v = x.var(0); x = x.mean(0)", point=f"{array}, v")
for name in (
    "a list of itself",
    "a dictionary of itself",
    "a deep list",
    "an endless list",
    "a generator",
    "a mapping that lies",
    "a dataclass that raises",
    "an enormous integer",
    "nothing",
    "a huge view",
):
    add("function", f"the whole result: {name}", 2, LIMIT, head=HELPERS, point=ARRAYS[name][0])

# --- defaults and objects ----------------------------------------------------------------------------------------------------------------

VALUES = {
    "infinite": "np.inf",
    "not a number": "np.nan",
    "an array": "np.arange(3)",
    "a structured array": "np.zeros(2, [('a', float)])",
    "an empty text": "''",
    "an odd text": "'\\ud800\\x1b[2J'",
    "a long text": "'x' * 10**7",
    "a lock": "__import__('threading').Lock()",
    "a list of itself": "RING",
    "an object without repr": "Odd()",
    "what compares to errors": "Incomparable()",
    "an enormous integer": "10**5000",
    "a class": "dict",
    "a function": "print",
    "a module": "np",
    "a complex number": "1j",
    "a fraction": "__import__('fractions').Fraction(1, 3)",
    "a decimal": "__import__('decimal').Decimal('NaN')",
    "a date": "np.datetime64('2020')",
    "a masked value": "np.ma.masked",
}
ODD = """
RING = []; RING.append(RING)
class Odd:
    def __repr__(self): raise KeyError
class Incomparable:
    def __eq__(self, other): raise KeyError
    __ne__ = __bool__ = __float__ = __index__ = __hash__ = __eq__
"""
for name, value in VALUES.items():
    add("optimizer", f"default: {name}", 0, head=ODD, extra=f", other={value}")
    add("function", f"default: {name}", 0, head=ODD, extra=f", other={value}")
for name in ("infinite", "not a number", "an array", "a lock", "a list of itself", "an enormous integer", "what compares to errors", "1j"):
    value = VALUES.get(name, name)
    add("optimizer", f"default of weight decay: {name}", (0, 1, 2), head=ODD, extra=f", weight_decay={value}")

# --- objects, attributes and inputs ------------------------------------------------------------------------------------------------------

for name, lines in {
    "an attribute that raises": "self.__class__.state = property(lambda self: 1 / 0)",
    "a state of itself": "self.me = [self]; self.me.append(self.me)",
    "a state of texts": "self.words = np.array(['a', 'b']); self.other = np.array([object()])",
    "a state with odd names": "self.__dict__['\\ud800' * 10**5] = np.ones(3); self.__dict__[3] = np.ones(2)",
    "a large state": "self.large = np.broadcast_to(1.0, (1 << 20, 1 << 20))",
    "no dictionary": "self.__class__.__dict__",
}.items():
    add("optimizer", f"state: {name}", (0, 2), LIMIT, start=lines)
for name, lines, codes in (
    ("its inputs written to", "grad *= 0", 2),
    ("its inputs made read-only", "grad.flags.writeable = False", (0, 2)),
    ("its inputs resized", "\n        try: grad.resize(3, refcheck=False)\n        except ValueError: pass", (0, 1, 2)),
    ("its inputs given another dtype", "grad.dtype = np.int64", (1, 2)),
    ("its inputs given another shape", "grad.shape = (-1, 1)", 2),
    ("random steps", "grad = grad * np.random.default_rng().random()", 2),
    ("a slower and slower step", "import time; self.n = getattr(self, 'n', 0) + 1; time.sleep(self.n / 10)", 2),
):
    add("optimizer", name, codes, LIMIT, step=lines)

SOURCES = {  # whole files
    "an empty file": ("", 2),
    "null bytes": ("import numpy\0", 2),
    "a class without step": ("class Mine: pass", 2),
    "a class that cannot be made": (
        "class Mine:\n    def __new__(cls, *a, **k): raise KeyError\n    def step(self, grad, lr): return grad",
        2,
    ),
    "a metaclass that raises": (
        "class M(type):\n    def __call__(cls, *a, **k): raise SystemExit(0)\n"
        "class Mine(metaclass=M):\n    def __init__(self, theta, *, lr): pass\n    def step(self, grad, lr): return grad",
        2,
    ),
    "an instance": ("class A:\n    def step(self, grad, lr): return grad\nMine = A()", 2),
    "a number": ("Mine = 3", 2),
    "an object of any attribute": (
        "class A:\n    def __getattr__(self, name): return self\n    def __call__(self, *a, **k): return self\nMine = A()",
        2,
    ),
    "a mock": ("from unittest.mock import MagicMock\nMine = MagicMock()", 2),
    "a coroutine": ("class Mine:\n    def __init__(self, theta, *, lr): pass\n    async def step(self, grad, lr): return grad", 2),
    "a lying signature": (
        "class Mine:\n    __signature__ = 3\n    def __init__(self, theta, *, lr): pass\n    def step(self, grad, lr): return grad",
        2,
    ),
    "a text in another code": ("# -*- coding: no-such-code -*-\nMine = 1", 2),
    "a name with an odd class": (
        "import numpy as np\nMine = type('\\x1b[2J', (), {'step': lambda self, grad, lr: grad, "
        "'__init__': lambda self, theta, *, lr: None})",
        2,
    ),
}
for name, (text, codes) in SOURCES.items():
    add("optimizer", f"file: {name}", codes, LIMIT, source=text or "\n")
for name in ("random", "queue", "types", "fractions", "hypothesis", "typing", "struct", "statistics"):
    add("optimizer", f"beside a file {name}.py", 0, files={f"{name}.py": "raise RuntimeError('not this one')\n"})
add("function", "beside a file sympy.py", 0, ("--prove",), files={"sympy.py": "raise RuntimeError('not this one')\n"})
