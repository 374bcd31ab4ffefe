"""Loops that several threads share, in machine code.

`share_loops` makes each `for … in prange(…)` of a function a function of its own, over a range of indices. Its caller offers it in memory
that workers look at: `share_out`. Who comes takes the next piece of the range, until there is none: `take_pieces`. Then the caller closes
the gate, and waits for those who are inside.
"""

from __future__ import annotations

import ast
import ctypes
import functools
import sys
from typing import TYPE_CHECKING, Any

from llvmlite import binding, ir
from numba import cfunc, types
from numba.core import cgutils as untyped_cgutils
from numba.extending import intrinsic

from ..reference.syntax import compile_function, source_tree, store
from ._inlining import write_out_calls
from ._jit import cache_key, compiled, compiled_as_part, inlined, specialize

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FunctionType

LINE = 128  # bytes, so that no two of the numbers below share a line of a cache
GATE, NEXT, TOTAL, OFFER = (k * LINE for k in range(4))  # bytes from the address of the memory
BODY, STATE, COUNT, STEP, LIMIT, SHARE_OUT = (OFFER + 8 * k for k in range(6))
BYTES = OFFER + LINE

INSIDE, OPEN, SERIAL = (1 << 16) - 1, 1 << 16, 1 << 17  # of the gate: workers inside, whether more may enter, how many loops there were
PIECES = 4  # of a loop for each thread
LOOKS = 1 << 6  # between two times that a thread leaves its processor to others

cgutils: Any = untyped_cgutils
unliteral: Any = types.unliteral
INT = ir.IntType(64)
BODY_TYPE = ir.FunctionType(INT, [INT, INT, INT])  # (address of the state, first index, last index) → a number that is summed
OFFER_TYPE = ir.FunctionType(INT, [INT, INT, INT, INT])  # (body, address of the state, count, address of the memory) → the sum


# --- memory that threads share ---------------------------------------------------------------------------------------------------------


def integer_intrinsic(generate: Callable[..., Any], count: int) -> Any:
    """Return an intrinsic of so many integers, with an integer as its result, from what generates its code."""
    names = ", ".join(f"a{k}" for k in range(count))
    space: dict[str, Any] = {
        "types": types,
        "code": lambda context, builder, signature, values: generate(builder, *values),
    }
    exec(f"def typed(typingctx, {names}): return types.int64({', '.join(['types.int64'] * count)}), code", space)
    return intrinsic(space["typed"])


def pointer(builder: Any, address: Any) -> Any:
    """Return an address as a pointer to an integer."""
    return builder.inttoptr(address, INT.as_pointer())


def generate_load(builder: Any, address: Any) -> Any:
    """Read the integer at an address."""
    return builder.load_atomic(pointer(builder, address), "seq_cst", 8)


def generate_store(builder: Any, address: Any, value: Any) -> Any:
    """Write the integer at an address."""
    builder.store_atomic(value, pointer(builder, address), "seq_cst", 8)
    return value


def generate_add(builder: Any, address: Any, value: Any) -> Any:
    """Add to the integer at an address; the result is what was there."""
    return builder.atomic_rmw("add", pointer(builder, address), value, "seq_cst")


def generate_swap(builder: Any, address: Any, old: Any, new: Any) -> Any:
    """Replace the integer at an address if it is the old one; the result is whether it was."""
    pair = builder.cmpxchg(pointer(builder, address), old, new, "seq_cst", "seq_cst")
    return builder.zext(builder.extract_value(pair, 1), INT)


def generate_call(builder: Any, body: Any, state: Any, first: Any, last: Any) -> Any:
    """Call the body of a loop by its address."""
    return builder.call(builder.inttoptr(body, BODY_TYPE.as_pointer()), [state, first, last])


def generate_wait(builder: Any, look: Any) -> Any:
    """Pause, which leaves the processor's core to its other thread; at some looks leave the processor to other threads."""
    module = builder.module
    if binding.get_process_triple().split("-")[0] in ("x86_64", "i386", "i686"):
        builder.call(module.declare_intrinsic("llvm.x86.sse2.pause", (), ir.FunctionType(ir.VoidType(), [])), [])
    name = "SwitchToThread" if sys.platform == "win32" else "sched_yield"
    leave = module.globals.get(name) or ir.Function(module, ir.FunctionType(ir.IntType(32), []), name)
    with builder.if_then(builder.icmp_signed("==", builder.srem(look, INT(LOOKS)), INT(LOOKS - 1))):
        builder.call(leave, [])
    return builder.add(look, INT(1))


load_integer, store_integer = integer_intrinsic(generate_load, 1), integer_intrinsic(generate_store, 2)
add_integer, swap_integer = integer_intrinsic(generate_add, 2), integer_intrinsic(generate_swap, 3)
call_body, wait = integer_intrinsic(generate_call, 4), integer_intrinsic(generate_wait, 1)


# --- the caller and the workers --------------------------------------------------------------------------------------------------------


@inlined
def take_pieces(memory: int) -> int:
    """Run the body of the loop on offer over one piece after the other, while there are any. Return the sum of its results."""
    body, state, count = load_integer(memory + BODY), load_integer(memory + STATE), load_integer(memory + COUNT)
    step = load_integer(memory + STEP)
    total: int = 0
    first = add_integer(memory + NEXT, step)
    while first < count:
        total += call_body(body, state, first, min(first + step, count))
        first = add_integer(memory + NEXT, step)
    return total


def share_out(body: int, state: int, count: int, memory: int) -> Any:
    """Run the body of a loop over all indices, together with the workers who come. Return the sum of its results."""
    store_integer(memory + BODY, body)
    store_integer(memory + STATE, state)
    store_integer(memory + COUNT, count)
    store_integer(memory + STEP, max(1, count // (PIECES * (1 + load_integer(memory + LIMIT)))))
    store_integer(memory + NEXT, 0)
    store_integer(memory + TOTAL, 0)
    add_integer(memory + GATE, SERIAL + OPEN)
    total = take_pieces(memory)
    add_integer(memory + GATE, -OPEN)
    look = 0
    while load_integer(memory + GATE) & INSIDE:
        look = wait(look)
    return total + load_integer(memory + TOTAL)


def serve_calls(memory: int, looks: int) -> None:
    """Join every loop that is on offer. Return when so many looks at the gate have found none."""
    look, last = 0, 0
    while look < looks:
        gate = load_integer(memory + GATE)
        if gate & OPEN and gate // SERIAL != last:
            if swap_integer(memory + GATE, gate, gate + 1):
                add_integer(memory + TOTAL, take_pieces(memory))
                add_integer(memory + GATE, -1)
                look, last = 0, gate // SERIAL
        else:
            look = wait(look)


@functools.cache
def compiled_server() -> Callable[[int, int], None]:
    """Return the machine code of `serve_calls`."""
    return compiled(specialize(serve_calls, cache_key("serve_calls")), [types.void(types.int64, types.int64)], cache=True)


@functools.cache
def compiled_share_out() -> Any:
    """Return the machine code of `share_out`, to be called by its address."""
    signature = types.int64(types.int64, types.int64, types.int64, types.int64)
    return cfunc(signature, cache=True)(specialize(share_out, cache_key("share_out")))


def serve(address: int, looks: int) -> None:
    """Join callers until so many looks have found none."""
    compiled_server()(address, looks)


def prepare_memory(address: int, workers: int) -> None:
    """Write into the memory of so many workers what stays there."""
    compiled_server()
    for offset, value in ((LIMIT, workers), (SHARE_OUT, compiled_share_out().address)):
        ctypes.c_int64.from_address(address + offset).value = value


# --- loops as functions ------------------------------------------------------------------------------------------------------------------


def sum_over_range(_: Any, body: Any, state: Any, count: Any, memory: Any) -> tuple[Any, Callable[..., Any]]:
    """Return the type and the code of an intrinsic: the sum of body(state, first, last) over pieces of a range.

    `memory` is the address of the workers' memory, or 0.
    """
    state = unliteral(state)
    signature = types.int64(body, state, types.int64, types.int64)
    part = body.get_call_type(_, (state, types.int64, types.int64), {})

    def generate(context: Any, builder: Any, _: Any, values: Any) -> Any:
        _, fields, count, memory = values
        place = cgutils.alloca_once_value(builder, fields)
        function = body_by_address(context, builder, body, part)
        address = builder.ptrtoint(place, INT)
        total = cgutils.alloca_once(builder, INT)
        with builder.if_else(builder.icmp_signed("==", memory, INT(0))) as (alone, shared):
            with alone:
                builder.store(builder.call(function, [address, INT(0), count]), total)
            with shared:
                offer = builder.load(pointer(builder, builder.add(memory, INT(SHARE_OUT))))
                arguments = [builder.ptrtoint(function, INT), address, count, memory]
                builder.store(builder.call(builder.inttoptr(offer, OFFER_TYPE.as_pointer()), arguments), total)
        return builder.load(total)

    return signature, generate


def body_by_address(context: Any, builder: Any, body: Any, part: Any) -> Any:
    """Return the body of a loop as a function that takes its state by address. An error in it counts as 1."""
    result = body.dispatcher.get_compile_result(part)
    context.add_linking_libs((result.library,))
    function = ir.Function(builder.module, BODY_TYPE, f"by_address.{result.fndesc.mangled_name}")
    function.linkage = "internal"
    inner = ir.IRBuilder(function.append_basic_block("entry"))
    address, first, last = function.args
    state = inner.load(inner.inttoptr(address, context.get_value_type(part.args[0]).as_pointer()))
    status, number = context.call_internal_no_propagate(inner, result.fndesc, part, [state, first, last])
    number = context.cast(inner, number, part.return_type, types.int64)
    inner.ret(inner.select(status.is_ok, number, INT(1)))
    return function


sum_in_parallel: Any = intrinsic(sum_over_range)


class SplitLoops(ast.NodeTransformer):
    """Replace each loop over `prange` by a sum over a range, of a function that `bodies` has the definition of.

    The functions are called by `name` and a number. Machine code that was cached by another process is linked by these names, so that a
    name must belong to one kernel alone.
    """

    def __init__(self, tree: ast.FunctionDef, name: str) -> None:
        self.name = name
        self.names = {argument.arg for argument in tree.args.args} | names_stored(tree)
        assert not self.names & {"state_", "first_", "last_", "workers"}
        self.bodies: list[ast.FunctionDef] = []

    def visit_For(self, node: ast.For) -> Any:
        """Return the sum that stands for a loop."""
        if not (isinstance(node.iter, ast.Call) and ast.unparse(node.iter.func) == "prange"):
            return self.generic_visit(node)
        sums = {part.target.id for part in ast.walk(node) if isinstance(part, ast.AugAssign) and isinstance(part.target, ast.Name)}
        assert len(sums) <= 1, sums
        index = ast.unparse(node.target)
        own = {index, *sums, *(name for statement in node.body for name in names_stored(statement))}
        used = {part.id for statement in node.body for part in ast.walk(statement) if isinstance(part, ast.Name)}
        state = "".join(f"{name}, " for name in sorted((used & self.names) - own))
        total, name = (*sums, "nothing")[0], f"{self.name}_{len(self.bodies)}"
        lines = [f"def {name}(state_, first_, last_):", *([f"{state}= state_"] if state else []), f"{total} = 0", "...", f"return {total}"]
        (body,) = ast.parse("\n    ".join(lines)).body
        assert isinstance(body, ast.FunctionDef)
        loop = ast.For(node.target, ast.parse("range(first_, last_)", mode="eval").body, node.body, [])
        body.body[-2] = loop
        self.bodies.append(body)
        call = f"sum_in_parallel({name}, ({state}), {ast.unparse(node.iter.args[0])}, workers)"
        return ast.parse(f"{total} = {total} + {call}" if sums else call).body[0]


def names_stored(tree: ast.AST) -> set[str]:
    """Return the names to which something is assigned."""
    return {part.id for part in ast.walk(tree) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}


def share_loops(function: Callable[..., Any], first: str = "", arguments: int | None = None) -> FunctionType:
    """Return a copy of a function whose loops over `prange` are shared with workers; the address of their memory is its first argument.

    The copy begins with the statement `first`. It has so many `arguments`; the others have their default values.
    """
    tree = source_tree(function)
    defaults = dict(zip([argument.arg for argument in tree.args.args[::-1]], tree.args.defaults[::-1], strict=False))
    tree.body[:0] = [ast.Assign([store(argument.arg)], defaults[argument.arg]) for argument in tree.args.args[arguments:] if arguments]
    tree.args.args, tree.args.defaults = tree.args.args[:arguments], []
    tree.body[:0] = ast.parse(first).body
    code = function.__code__
    split = SplitLoops(tree, code.co_name)
    tree = split.visit(tree)
    tree.args.args.insert(0, ast.arg("workers"))
    space = {**function.__globals__, "sum_in_parallel": sum_in_parallel}
    for body in split.bodies:
        body_of_loop = compile_function(*write_out_calls(body, space), code.co_filename)
        space[body.name] = compiled_as_part(body_of_loop)
    return specialize(compile_function(*write_out_calls(tree, space), code.co_filename), code.co_name, like=code)
