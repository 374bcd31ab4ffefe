"""Lanes: several neighbouring numbers of an array that one instruction takes at a time, with operations that work on each of them.

A loop over lanes is a vector loop on every processor, has no scalar remainder, and adds in an order of its own: the bits of a sum depend
neither on the processor nor on the compiler. In machine code lanes are a vector of 512 bits, which the compiler splits where registers are
narrower; the elementary functions of `math` take lanes as they take numbers. In plain Python lanes are a short array, so that the same
loops run on symbols.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from llvmlite import ir
from numba import extending, types
from numba.core.typing import templates

from .exact import exact_fma

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

# Numba's own registration, which has no types
signature: Any = templates.signature
infer_global: Any = templates.infer_global
lower_builtin: Any = extending.lower_builtin
register_model: Any = extending.register_model
PointerTo: Any = types.CPointer
AnyArguments: Any = types.VarArg

LANE_BITS = 512
LANES_IN_PYTHON = 4


class Lanes(types.Type):
    """Numba's type of so many numbers of one kind: floats, words, or truth values."""

    def __init__(self, kind: Any, count: int) -> None:
        self.kind, self.count = kind, count
        super().__init__(f"lanes({kind}, {count})")

    @property
    def bitwidth(self) -> Any:
        """The bits of one of the numbers."""
        return self.kind.bitwidth


@register_model(Lanes)
class LanesModel(extending.models.PrimitiveModel):
    """Lanes are a vector of LLVM."""

    def __init__(self, manager: Any, kind: Lanes) -> None:
        element = ir.IntType(1) if kind.kind is types.boolean else manager[kind.kind].get_value_type()
        super().__init__(manager, kind, ir.VectorType(element, kind.count))  # type: ignore[no-untyped-call]


def words_of(kind: Any) -> Any:
    """Return Numba's type of the words with the bits of such floats."""
    return {32: types.uint32, 64: types.uint64}[kind.bitwidth]


def lanes_like(array: Any) -> Lanes:
    """Return the type of lanes of an array, from its type."""
    return Lanes(array.dtype, LANE_BITS // array.dtype.bitwidth)


def splat(builder: Any, value: Any, count: int) -> Any:
    """Return a number in all lanes."""
    vector = ir.VectorType(value.type, count)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.IntType(32)(0))
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count))


def as_lanes(context: Any, builder: Any, value: Any, kind: Any, wanted: Lanes) -> Any:
    """Return a value as lanes; a number is cast and stands in all of them."""
    return value if isinstance(kind, Lanes) else splat(builder, context.cast(builder, value, kind, wanted.kind), wanted.count)


def widest(args: Any) -> Any:
    """Return the type of lanes among these, if one is."""
    return next((kind for kind in args if isinstance(kind, Lanes)), None)


def generated_for(pure: Any) -> Callable[[F], F]:
    """Register what generates machine code for a Python function: from the types of its arguments, a signature and a generator."""

    def register(define: F) -> F:
        @infer_global(pure)
        class Typing(templates.AbstractTemplate):
            def generic(self, args: Any, keywords: Any) -> Any:
                return None if keywords else define(*args)[0]

        def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return define(*sig.args)[1](context, builder, args, sig.args)

        lower_builtin(pure, AnyArguments(types.Any))(lower)
        return define

    return register


# --- operators --------------------------------------------------------------------------------------------------------------------


def define_operator(function: Any, build: Callable[..., Any], *, compares: bool = False) -> None:
    """Let lanes be operands of an operator, with each other and with numbers."""

    @infer_global(function)
    class Typing(templates.AbstractTemplate):
        def generic(self, args: Any, keywords: Any) -> Any:
            lanes = widest(args)
            if lanes is not None and not keywords:
                return signature(Lanes(types.boolean, lanes.count) if compares else lanes, *args)
            return None

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        lanes = widest(sig.args)
        return build(builder, lanes, *(as_lanes(context, builder, value, kind, lanes) for value, kind in zip(args, sig.args, strict=True)))

    scalars = types.Number, types.Boolean
    patterns = [(Lanes, Lanes), *((Lanes, scalar) for scalar in scalars), *((scalar, Lanes) for scalar in scalars)]
    for pattern in patterns if build.__code__.co_argcount == 4 else [(Lanes,)]:
        lower_builtin(function, *pattern)(lower)


def by_kind(for_floats: str, for_words: str) -> Callable[..., Any]:
    """Return what builds an operation of floats or of words."""
    return lambda builder, lanes, a, b: getattr(builder, for_floats if isinstance(lanes.kind, types.Float) else for_words)(a, b)


def by_comparison(sign: str) -> Callable[..., Any]:
    """Return what builds a comparison."""

    def build(builder: Any, lanes: Lanes, a: Any, b: Any) -> Any:
        if isinstance(lanes.kind, types.Float):
            return (builder.fcmp_unordered if sign == "!=" else builder.fcmp_ordered)(sign, a, b)
        return builder.icmp_unsigned(sign, a, b)

    return build


for function, names in {
    operator.add: ("fadd", "add"),
    operator.sub: ("fsub", "sub"),
    operator.mul: ("fmul", "mul"),
    operator.truediv: ("fdiv", "udiv"),
    operator.lshift: ("", "shl"),
    operator.rshift: ("", "lshr"),
    operator.and_: ("", "and_"),
    operator.or_: ("", "or_"),
    operator.xor: ("", "xor"),
}.items():
    define_operator(function, by_kind(*names))
for function, sign in {
    operator.lt: "<",
    operator.le: "<=",
    operator.gt: ">",
    operator.ge: ">=",
    operator.eq: "==",
    operator.ne: "!=",
}.items():
    define_operator(function, by_comparison(sign), compares=True)
define_operator(operator.neg, lambda builder, lanes, a: builder.fneg(a))
define_operator(abs, lambda builder, lanes, a: call_for_each(builder, "llvm.fabs", a))


def call_for_each(builder: Any, name: str, *values: Any) -> Any:
    """Add the call of an LLVM intrinsic of numbers, or of vectors of them."""
    kind = values[0].type
    element, count = (kind.element, f"v{kind.count}") if isinstance(kind, ir.VectorType) else (kind, "")
    suffix = f"{count}{'f64' if isinstance(element, ir.DoubleType) else 'f32'}"
    function = builder.module.globals.get(f"{name}.{suffix}") or ir.Function(
        builder.module, ir.FunctionType(kind, [kind] * len(values)), f"{name}.{suffix}"
    )
    return builder.call(function, values)


# --- numbers and lanes alike ------------------------------------------------------------------------------------------------------


def where(condition: Any, value: Any, other: Any) -> Any:
    """Return one number where the condition holds, else the other."""
    return np.where(condition, value, other)[()]


@generated_for(where)
def _where(condition: Any, value: Any, other: Any) -> Any:
    result = widest((value, other)) or (Lanes(value, condition.count) if isinstance(condition, Lanes) else value)

    def generate(context: Any, builder: Any, args: Any, kinds: Any) -> Any:
        return builder.select(args[0], *(in_kind(context, builder, *pair, result) for pair in zip(args[1:], kinds[1:], strict=True)))

    return signature(result, condition, value, other), generate


def sqrt(x: Any) -> Any:
    """Return the square root."""
    return np.sqrt(x)


@generated_for(sqrt)
def _sqrt(x: Any) -> Any:
    return signature(x, x), lambda context, builder, args, _: call_for_each(builder, "llvm.sqrt", args[0])


def fma(x: Any, y: Any, z: Any) -> Any:
    """Return x y + z, rounded once. What is no number of NumPy says itself what that is."""
    return x.fma(y, z) if hasattr(x, "fma") else exact_fma(x, y, z)


@generated_for(fma)
def _fma(x: Any, y: Any, z: Any) -> Any:
    result = widest((x, y, z)) or x

    def generate(context: Any, builder: Any, args: Any, kinds: Any) -> Any:
        return call_for_each(builder, "llvm.fma", *(in_kind(context, builder, *pair, result) for pair in zip(args, kinds, strict=True)))

    return signature(result, x, y, z), generate


def in_kind(context: Any, builder: Any, value: Any, kind: Any, result: Any) -> Any:
    """Return a value as a number or as lanes, whatever the result is."""
    return as_lanes(context, builder, value, kind, result) if isinstance(result, Lanes) else context.cast(builder, value, kind, result)


def with_bits_of(value: Any, kind: Any) -> Any:
    """Return the numbers of another type that have the same bits."""
    return value.view(kind)


@generated_for(with_bits_of)
def _with_bits_of(value: Any, kind: Any) -> Any:
    result = Lanes(kind.dtype, value.count)
    return signature(result, value, kind), lambda context, builder, args, _: builder.bitcast(args[0], context.get_value_type(result))


# --- between memory and lanes -----------------------------------------------------------------------------------------------------


def entries_of(array: Any) -> Any:
    """Return all entries of a contiguous array, in order: in machine code a bare address, which costs nothing to pass on."""
    return array.reshape(-1)


@generated_for(entries_of)
def _entries_of(array: Any) -> Any:
    def generate(context: Any, builder: Any, args: Any, kinds: Any) -> Any:
        return context.make_array(kinds[0])(context, builder, args[0]).data

    return signature(PointerTo(array.dtype), array), generate


def lane_count(entries: Any) -> int:
    """Return how many neighbouring entries are lanes."""
    return LANES_IN_PYTHON


@generated_for(lane_count)
def _lane_count(entries: Any) -> Any:
    count = lanes_like(entries).count
    return signature(types.intp, entries), lambda context, builder, *_: context.get_constant(types.intp, count)


def load(entries: Any, start: Any) -> Any:
    """Return the lanes that start at an entry."""
    return entries[start : start + LANES_IN_PYTHON]


@generated_for(load)
def _load(entries: Any, start: Any) -> Any:
    def generate(context: Any, builder: Any, args: Any, kinds: Any) -> Any:
        return builder.load(lane_pointer(context, builder, kinds[0], *args), align=entries.dtype.bitwidth // 8)

    return signature(lanes_like(entries), entries, types.intp), generate


def lane_pointer(context: Any, builder: Any, kind: Any, entries: Any, start: Any) -> Any:
    """Return the address of the lanes that start at an entry."""
    return builder.bitcast(builder.gep(entries, [start]), context.get_value_type(lanes_like(kind)).as_pointer())


def load_part(entries: Any, start: Any, count: Any, fill: Any) -> Any:
    """Return the first `count` lanes from an entry on; the number `fill` stands in the others."""
    lanes = fill_lanes(entries, fill)
    lanes[:count] = entries[start : start + count]
    return lanes


@generated_for(load_part)
def _load_part(entries: Any, start: Any, count: Any, fill: Any) -> Any:
    lanes, align = lanes_like(entries), ir.IntType(32)(entries.dtype.bitwidth // 8)

    def generate(context: Any, builder: Any, args: Any, kinds: Any) -> Any:
        pointer = lane_pointer(context, builder, kinds[0], args[0], args[1])
        rest, vector = as_lanes(context, builder, args[3], kinds[3], lanes), context.get_value_type(lanes)
        arguments = [pointer, align, first_lanes(builder, lanes, args[2]), rest]
        name = f"llvm.masked.load.v{lanes.count}f{lanes.bitwidth}.p0"
        kind = ir.FunctionType(vector, [argument.type for argument in arguments])
        return builder.call(builder.module.globals.get(name) or ir.Function(builder.module, kind, name), arguments)

    return signature(lanes, entries, types.intp, types.intp, fill), generate


def first_lanes(builder: Any, lanes: Lanes, count: Any) -> Any:
    """Return what is true in so many lanes."""
    return builder.icmp_unsigned("<", lane_numbers(range(lanes.count)), splat(builder, builder.trunc(count, ir.IntType(32)), lanes.count))


def lane_numbers(numbers: Any) -> Any:
    """Return the numbers of lanes as a constant."""
    return ir.Constant(ir.VectorType(ir.IntType(32), len(numbers)), list(numbers))


def store(entries: Any, start: Any, value: Any) -> None:
    """Store lanes from an entry on."""
    entries[start : start + LANES_IN_PYTHON] = value


@generated_for(store)
def _store(entries: Any, start: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, args: Any, kinds: Any) -> Any:
        builder.store(args[2], lane_pointer(context, builder, kinds[0], *args[:2]), align=entries.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return signature(types.void, entries, types.intp, value), generate


def store_part(entries: Any, start: Any, count: Any, value: Any) -> None:
    """Store the first `count` lanes from an entry on, fewer than there are."""
    entries[start : start + count] = value[:count]


@generated_for(store_part)
def _store_part(entries: Any, start: Any, count: Any, value: Any) -> Any:
    """Store a half of the lanes, a quarter … as the bits of the count say: some processors take long for a store under a mask."""

    def generate(context: Any, builder: Any, args: Any, _: Any) -> Any:
        base, position, rest, vector = args
        half = value.count // 2
        while half:
            low, high = halves(builder, vector)
            bit = builder.and_(rest, rest.type(half))
            is_stored = builder.icmp_unsigned("!=", bit, rest.type(0))
            with builder.if_then(is_stored):
                pointer = builder.bitcast(builder.gep(base, [position]), low.type.as_pointer())
                builder.store(low, pointer, align=entries.dtype.bitwidth // 8)
            vector, position, half = builder.select(is_stored, high, low), builder.add(position, bit), half // 2
        return context.get_dummy_value()

    return signature(types.void, entries, types.intp, types.intp, value), generate


def halves(builder: Any, vector: Any) -> Any:
    """Return the first half of a vector, and the second."""
    half = vector.type.count // 2
    return [builder.shuffle_vector(vector, vector, lane_numbers(part)) for part in (range(half), range(half, 2 * half))]


# --- lanes and numbers ------------------------------------------------------------------------------------------------------------


def fill_lanes(entries: Any, number: Any) -> Any:
    """Return a number in all lanes, in the format of the entries."""
    lanes = np.empty(LANES_IN_PYTHON, entries.dtype).view(type(entries))
    lanes[:] = number
    return lanes


@generated_for(fill_lanes)
def _fill_lanes(entries: Any, number: Any) -> Any:
    lanes = lanes_like(entries)
    return signature(lanes, entries, number), lambda context, builder, args, kinds: as_lanes(context, builder, args[1], kinds[1], lanes)


def keep_part(value: Any, count: Any) -> Any:
    """Return the first `count` lanes, and 0 in the others."""
    return load_part(value, 0, count, 0)


@generated_for(keep_part)
def _keep_part(value: Any, count: Any) -> Any:
    def generate(context: Any, builder: Any, args: Any, _: Any) -> Any:
        return builder.select(first_lanes(builder, value, args[1]), args[0], ir.Constant(args[0].type, None))

    return signature(value, value, types.intp), generate


def sum_of_lanes(value: Any) -> Any:
    """Return the sum of all lanes."""
    return np.sum(value)


def largest_of_lanes(value: Any) -> Any:
    """Return the largest number of all lanes."""
    return np.max(value)


def any_of_lanes(value: Any) -> Any:
    """Return whether something is true in any lane."""
    return bool(np.any(value))


@generated_for(any_of_lanes)
def _any_of_lanes(value: Any) -> Any:
    def generate(context: Any, builder: Any, args: Any, _: Any) -> Any:
        bits = builder.bitcast(args[0], ir.IntType(value.count))
        return builder.icmp_unsigned("!=", bits, bits.type(0))

    return signature(types.boolean, value), generate


def fold_lanes(value: Any, combine: Callable[..., Any]) -> Any:
    """Return what generates one number from all lanes: the first half is combined with the second, until it is one."""

    def generate(context: Any, builder: Any, args: Any, _: Any) -> Any:
        vector = args[0]
        while vector.type.count > 1:
            vector = combine(builder, *halves(builder, vector))
        return builder.extract_element(vector, ir.IntType(32)(0))

    return signature(value.kind, value), generate


def larger_of(builder: Any, a: Any, b: Any) -> Any:
    """Return the larger numbers; the second where one of them is not a number."""
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


generated_for(sum_of_lanes)(lambda value: fold_lanes(value, lambda builder, a, b: builder.fadd(a, b)))
generated_for(largest_of_lanes)(lambda value: fold_lanes(value, larger_of))
