"""A program in any language as the implementation under test: it answers lines on its standard input by lines on its standard output.

The lines are those of the vectors (spec/lines): flat JSON objects of strings, tensors as bits in hexadecimal digits. There are four verbs:

    {"cmd":"start","protocol":"trainspec/1"}                     → {"protocol":"trainspec/1","subject":…,"takes":"lr beta1 …"}
    {"cmd":"case","id":…,"dtype":…,"theta":…,"lr":…,"beta1":…}   → {"id":…}
    {"cmd":"step","id":…,"t":"1","lr":…,"grad":…}                → {"id":…,"t":"1","theta":…,"state.m":…}
    {"cmd":"stop"}                                               → the program ends

A program that says `"asks":"gradient"` when it starts is sent no gradient with a step. It may answer a step by {"id":…,"t":"1","at":…}, a
point, and is sent {"cmd":"gradient","id":…,"t":"1","grad":…}, as often as it asks, until it answers by `theta`. One that says
`"resumes":"true"` takes a case that has a `t` and the state that it showed after step t, and goes on with step t + 1.

A program of functions names the formulas that it has in `formulas`, in the place of `takes`. A case then has the field `entry` and the
arguments, and is answered by the results, called as in the vectors. In the place of an answer, {"id":…,"skipped":reason} says that the
program does not do this, {"id":…,"errored":reason} that it failed. Whatever else comes is a fault of that case.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from ...reference import FORMULAS, tree_unflatten
from ..lines.signature import read_result, result_kinds, written_arguments
from ..lines.text import WIDTHS, array_of, bits, line
from .guards import FatalFault, is_floating
from .implementation import REQUIRED, ArraysRun, FunctionImplementation, Group, NotFound, NotOffered, Run, Settings
from .result import printable
from .stopwatch import STILL_FACTOR, Stopwatch

PROTOCOL = "trainspec/1"
START = {"cmd": "start", "protocol": PROTOCOL}
PREFIX = "command:"  # of targets that are the command line of a program
PATIENCE = 10.0  # seconds of processor time for one answer
POLL = 0.05  # seconds
LONGEST = 1 << 22  # bytes of one answer
MOST_GRADIENTS = 100  # that a program asks for in one step
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,60}")
FATAL = ("crashes", "timeout", "protocol")  # after these a program is started anew


class Command:
    """A running program, and the one answer that it owes."""

    def __init__(self, command: str, folder: str = "", patience: float = PATIENCE) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.buffer = b""
        self.words, self.folder, self.patience = shlex.split(command), folder or None, patience

    def __del__(self) -> None:
        self.close()

    def ask(self, fields: Mapping[str, str], where: str) -> dict[str, str]:
        """Send a line and return the answer; a FatalFault says what came in its place. Then the program is started anew for the next."""
        try:
            if self.process is None and fields["cmd"] != "start":
                self.answer_to(line(START), "the start")
            return self.answer_to(line(fields), where)
        except FatalFault as problem:
            if problem.fault.kind in FATAL:
                self.close()
            raise

    def answer_to(self, text: str, where: str) -> dict[str, str]:
        """Return the fields that a line is answered by."""
        process = self.process = self.process or self.started()
        if self.buffer or self.is_readable(0.0):
            self.refuse_unasked(where)
        assert process.stdin is not None
        try:
            process.stdin.write(text.encode("ascii") + b"\n")
            process.stdin.flush()
        except OSError:
            raise FatalFault("crashes", f"it ended{self.exit_words()}, before {where}") from None
        return answer_fields(self.next_line(where), where)

    def started(self) -> subprocess.Popen[bytes]:
        """Start the program; what it writes to standard error is not read."""
        if not self.words:
            raise NotFound("the command is empty")
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        try:
            return subprocess.Popen(self.words, cwd=self.folder, **pipes)
        except OSError as problem:
            raise NotFound(f"the command {self.words[0]!r} cannot be started: {problem.strerror}") from None

    def next_line(self, where: str) -> bytes:
        """Return the next line, within the time and the size that an answer may take."""
        assert self.process is not None
        watch = Stopwatch(self.process.pid)
        while b"\n" not in self.buffer:
            if len(self.buffer) > LONGEST:
                raise FatalFault("protocol", f"it answers {where} by more than {LONGEST} bytes without an end of line")
            if not self.is_readable(POLL):
                if watch.is_over(self.patience):
                    raise FatalFault("timeout", f"it gives no answer within {self.patience:g} s, to {where}")
                continue
            if not (received := self.receive()):
                raise FatalFault("crashes", f"it ended{self.exit_words()}, in {where}")
            self.buffer += received
        text, _, self.buffer = self.buffer.partition(b"\n")
        return text

    def refuse_unasked(self, where: str) -> None:
        """Raise a FatalFault for what a program wrote before it was asked; what it wrote as it ended is no answer either."""
        received = self.buffer or self.receive()
        if not received:
            raise FatalFault("crashes", f"it ended{self.exit_words()}, before {where}")
        raise FatalFault("protocol", f"it wrote {beginning_of(received)} before {where} was asked: one line answers one line")

    def is_readable(self, seconds: float) -> bool:
        """Return whether the program writes, or ends, within this time."""
        assert self.process is not None
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            return bool(selector.select(max(seconds, 0.0)))

    def receive(self) -> bytes:
        """Return what has been written; nothing where the program has ended."""
        assert self.process is not None
        assert self.process.stdout is not None
        return os.read(self.process.stdout.fileno(), 1 << 16)

    def exit_words(self) -> str:
        """Return how the program ended."""
        assert self.process is not None
        with suppress(subprocess.TimeoutExpired):
            code = self.process.wait(timeout=1)
            return f" by signal {-code}" if code < 0 else f" with exit code {code}"
        return ", or closed its standard output"

    def close(self) -> None:
        """End the program."""
        if self.process:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                with suppress(OSError):
                    pipe.close()  # type: ignore[union-attr]
        self.process, self.buffer = None, b""

    def stop(self) -> int | None:
        """Ask the program to stop, and return its exit code; None where it does not end."""
        process, code = self.process or self.started(), None
        with suppress(OSError, subprocess.TimeoutExpired):
            assert process.stdin is not None
            process.stdin.write(line({"cmd": "stop"}).encode("ascii") + b"\n")
            process.stdin.close()
            code = process.wait(timeout=STILL_FACTOR * self.patience)
        self.process = process
        self.close()
        return code


def answer_fields(text: bytes, where: str) -> dict[str, str]:
    """Return the fields of an answer; a FatalFault for what is none, or says that the case is skipped or failed."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
        raise FatalFault("protocol", f"it answers {where} by {beginning_of(text)}, which is no JSON object of strings")
    if "skipped" in fields:
        raise FatalFault("skipped", f"it skips {where}: {printable(fields['skipped'], 200)}")
    if "errored" in fields:
        raise FatalFault("raises", f"it reports an error, in {where}: {printable(fields['errored'], 200)}")
    return fields


def beginning_of(text: bytes) -> str:
    """Return the beginning of what a program wrote, in quotes."""
    return repr(printable(text[:60].decode("ascii", "replace")))


# --- what the kit sees ------------------------------------------------------------------------------------------------------------------


@dataclass
class CommandOptimizer:
    """An optimizer that a program is: its hyper-parameters are those that it names when it starts."""

    is_slow: ClassVar = True  # a step is a line to another process and one from it

    command: Command
    library: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    asks: bool = False  # for the gradient, at points of its choice
    resumes: bool = False  # from the state that it showed
    cases: int = 0

    def start(self, theta: Any, lr: float, settings: Settings) -> Run:
        """Return a run: a case of the program, whose steps keep its state."""
        run = CommandRun(self, theta, lr, settings)
        run.begin()
        return Run(run.step, True, run.state, self.asks)

    def start_groups(self, groups: Sequence[Group]) -> ArraysRun:
        """Return a run of one array of any shape, which can be saved and resumed where the program says so."""
        arrays = [(theta, group) for group in groups for theta in group.thetas]
        if len(arrays) != 1:
            raise NotOffered
        ((theta, group),) = arrays
        run = CommandRun(self, theta, group.lr, group.settings)
        run.begin()

        def step(gradients: Sequence[Any], rates: Sequence[float]) -> list[Any]:
            return [run.step(gradients[0], rates[0])]

        return ArraysRun(step, run.saved, run.begin, admits_none=False) if self.resumes else ArraysRun(step, admits_none=False)


@dataclass
class CommandRun:
    """One case of a program, and what it answered last."""

    optimizer: CommandOptimizer
    theta: Any
    lr: float
    settings: Settings
    id: str = ""
    steps: int = 0
    last: Mapping[str, str] = field(default_factory=dict)

    def begin(self, saved: Mapping[str, str] = MappingProxyType({})) -> None:
        """Start a case: the first, or one that goes on from what was saved."""
        self.optimizer.cases += 1
        self.id, self.steps = str(self.optimizer.cases), int(saved.get("t", "0"))
        dtype = self.theta.dtype.name
        shape = {} if self.theta.ndim == 1 else {"theta.shape": " ".join(map(str, self.theta.shape))}
        hyper = {name: bits(float(value), np.float64) for name, value in self.settings.items()}
        rate = {"lr": bits(self.lr, np.float64)} if "lr" in self.optimizer.parameters else {}
        head = {"cmd": "case", "id": self.id, "dtype": dtype, "theta": bits(self.theta, dtype), **shape, **rate, **hyper, **saved}
        self.ask(head, f"case {self.id}", {})

    def step(self, grad: Any, lr: float) -> Any:
        """Return the point after one more step; the gradient is a function where the program asks for it."""
        self.steps += 1
        where, also = f"step {self.steps}", {"t": str(self.steps)}
        fields = {"cmd": "step", "id": self.id, **also, "lr": bits(lr, np.float64)}
        if not self.optimizer.asks:
            fields["grad"] = bits(grad, self.theta.dtype)
        self.last = self.ask(fields, where, also)
        for _ in range(MOST_GRADIENTS if self.optimizer.asks else 0):
            if "at" not in self.last:
                break
            gradient = bits(np.asarray(grad(read_array(self.last, "at", self.theta, where)), self.theta.dtype), self.theta.dtype)
            self.last = self.ask({"cmd": "gradient", "id": self.id, **also, "grad": gradient}, where, also)
        if "at" in self.last and "theta" not in self.last:
            raise FatalFault("protocol", f"it asks for {self.asked_too_much()}, in {where}")
        return read_array(self.last, "theta", self.theta, where)

    def asked_too_much(self) -> str:
        """Return what a program asked for that it is not given."""
        return f"more than {MOST_GRADIENTS} gradients" if self.optimizer.asks else "a gradient and did not say so when it started"

    def ask(self, fields: Mapping[str, str], where: str, also: Mapping[str, str]) -> dict[str, str]:
        """Return the answer to a line; one to another case or step is a FatalFault."""
        answer = self.optimizer.command.ask(fields, where)
        for name, value in {"id": self.id, **also}.items():
            if answer.get(name) != value:
                self.optimizer.command.close()
                raise FatalFault("protocol", f"it answers {where} out of order: {name} must be {value}, got {answer.get(name)!r}")
        return answer

    def state(self) -> Mapping[str, Any]:
        """Return the arrays that the program shows."""
        names = [name for name in self.last if name.startswith("state.") and not name.endswith(".shape")]
        return {name.removeprefix("state."): array_of(self.last[name], self.theta.dtype) for name in names}

    def saved(self) -> Mapping[str, str]:
        """Return the number of the last step and the state after it, as the program wrote it."""
        return {"t": str(self.steps), **{name: text for name, text in self.last.items() if name.startswith("state.")}}


def read_array(fields: Mapping[str, str], name: str, like: Any, where: str) -> Any:
    """Return an array of an answer that must have the size of another one."""
    width = WIDTHS[like.dtype.name]
    if not re.fullmatch(f"([0-9a-f]{{{width}}})*", fields.get(name, "none")):
        raise FatalFault("protocol", f"it answers {where} without {name} in {width} hexadecimal digits an element")
    array = array_of(fields[name], like.dtype)
    if array.size != like.size:
        raise FatalFault("shape", f"it returns {array.size} elements where {like.size} are due, in {where}")
    return array.reshape(like.shape)


@dataclass(eq=False)
class CommandFunction:
    """A function that a program is: a call is a case that is answered by the results."""

    command: Command
    formula: str
    cases: int = 0

    def __call__(self, **arguments: Any) -> Any:
        """Return the results of the program, in the structure of the formula's."""
        self.cases += 1
        formula, where = FORMULAS[self.formula], f"case {self.cases}"
        dtypes = [leaf.dtype for _, leaf in array_leaves(arguments) if is_floating(leaf.dtype)]
        dtype = dtypes[0].name if dtypes else "float64"
        fields = {
            "cmd": "case",
            "id": str(self.cases),
            "entry": self.formula,
            "dtype": dtype,
            **written_arguments(formula, arguments, dtype),
        }
        answer = self.command.ask(fields, where)
        if answer.get("id") != str(self.cases):
            self.command.close()
            raise FatalFault("protocol", f"it answers {where} out of order: id must be {self.cases}, got {answer.get('id')!r}")
        try:
            leaves = [read_result(answer, name, kind, dtype) for name, kind in result_kinds(formula.raw).items()]
        except (KeyError, ValueError) as problem:
            raise FatalFault("protocol", f"it answers {where} without a result that can be read: {printable(problem)}") from None
        with np.errstate(all="ignore"):
            return tree_unflatten(formula.raw(**arguments), leaves)


def array_leaves(arguments: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the arrays among arguments, those within states too."""
    for name, value in arguments.items():
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, np.ndarray):
                yield name, part


def load_command(target: str, folder: str) -> CommandOptimizer | tuple[FunctionImplementation, ...]:
    """Return the optimizer or the functions that a command line is, by what it says when it starts."""
    text = target.removeprefix(PREFIX)
    try:
        command = Command(text, folder)
    except ValueError as problem:
        raise NotFound(f"the command {text!r} cannot be read: {problem}") from None
    try:
        return loaded_from(command, text)
    except BaseException:
        command.close()
        raise


def loaded_from(command: Command, text: str) -> CommandOptimizer | tuple[FunctionImplementation, ...]:
    """Return what a program says that it is."""
    try:
        answer = command.ask(START, "the start")
    except FatalFault as problem:
        raise NotFound(f"{text}: {problem.fault.detail}") from None
    if answer.get("protocol") != PROTOCOL or "cmd" in answer:
        raise NotFound(f"{text} speaks the protocol {answer.get('protocol')!r}, not {PROTOCOL!r}")
    if "formulas" in answer:
        names = answer["formulas"].split()
        if unknown := [name for name in names if name not in FORMULAS]:
            raise NotFound(f"{text} names formulas that there are not: {printable(', '.join(unknown), 100)}")
        return tuple(FunctionImplementation(CommandFunction(command, name), name) for name in names)
    names = answer.get("takes", "").split()
    if not names or not all(map(NAME.fullmatch, names)):
        raise NotFound(f"{text} must say in `takes` which hyper-parameters it takes, or in `formulas` which functions it has")
    defaults = {name: array_of(answer[f"{name}.default"], np.dtype("float64")) for name in names if f"{name}.default" in answer}
    parameters = {name: float(defaults[name][0]) if name in defaults else REQUIRED for name in names}
    return CommandOptimizer(command, "", parameters, answer.get("asks") == "gradient", answer.get("resumes") == "true")
