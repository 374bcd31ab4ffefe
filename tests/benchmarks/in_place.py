"""A kernel's formula as a careful user of NumPy, or of numexpr, would write it: in place, with the operations of the reference.

The formula runs once on entries that take notes. What they noted is a list of operations, which is played on arrays with `out=`.
"""

from collections import Counter

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

SYMBOLS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "greater": ">", "less": "<", "equal": "==", "less_equal": "<="}
WORDS = {"sqrt": "sqrt", "absolute": "abs", "where": "where"}


class Noted(NDArrayOperatorsMixin):
    """An entry: an array by its index among the operands, or an operation on other entries."""

    def __init__(self, function, *inputs):
        self.function, self.inputs = function, inputs

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        if ufunc is np.power:  # as NumPy does it for an exponent of 2
            assert inputs[1] == 2
            return Noted(np.multiply, inputs[0], inputs[0])
        return Noted(ufunc, *inputs)

    def __array_function__(self, function, kinds, inputs, options):
        return Noted(function, *inputs)


def noted(ir, numbers):
    """The operands and the updated entries, in terms of them."""
    operands = [Noted(None, index) for index in range(len(ir.updated) + len(ir.read))]
    constants, _ = ir.constants(*numbers)
    return operands, ir.update_entry(*operands, *constants)


def operations(results):
    """All operations, each after what it needs."""
    order, seen = [], set()

    def visit(one):
        if isinstance(one, Noted) and id(one) not in seen:
            seen.add(id(one))
            for other in one.inputs if one.function else ():
                visit(other)
            order.extend([one] if one.function else [])

    for result in results:
        visit(result)
    return order


def numpy_in_place(ir, numbers, arrays):
    """A step that updates the arrays: every operation into memory that is not needed any more, or into memory allocated beforehand."""
    operands, results = noted(ir, numbers)
    order = operations(results)
    uses = Counter(id(other) for array in order for other in array.inputs if isinstance(other, Noted))
    goals = {id(result): index for index, result in enumerate(results)}
    held = {id(operand): array for operand, array in zip(operands, arrays, strict=True)}
    own = arrays[: len(results)]
    free, program, late = [], [], []
    free += [array for operand, array in zip(operands, own, strict=False) if not uses[id(operand)]]
    for value in order:
        inputs = [held[id(other)] if isinstance(other, Noted) else arrays[0].dtype.type(other) for other in value.inputs]
        for other in value.inputs:
            if isinstance(other, Noted):
                uses[id(other)] -= 1
                ours = any(held[id(other)] is array for array in own) or not any(held[id(other)] is array for array in arrays)
                if not uses[id(other)] and ours and id(other) not in goals and held[id(other)].dtype != bool:
                    free.append(held[id(other)])
        truth = value.function in (np.greater, np.less, np.equal, np.less_equal)
        goal = own[goals[id(value)]] if id(value) in goals else None
        if truth:
            target = np.empty(arrays[0].shape, bool)
        elif goal is not None and any(goal is array for array in free):
            target = goal
        else:  # what is copied to its goal at the end must not lie where another result belongs
            fitting = [array for array in free if goal is None or not any(array is each for each in own)] or [np.empty_like(arrays[0])]
            target = next((array for array in fitting if any(array is each for each in inputs)), fitting[0])
        free = [array for array in free if array is not target]
        held[id(value)] = target
        program.append((value.function, inputs, target))
        if goal is not None and target is not goal:
            late.append((goal, target))

    late += [(own[index], held[id(result)]) for index, result in enumerate(results) if not result.function]

    def step():
        for function, inputs, target in program:
            if function is np.where:
                condition, chosen, other = inputs
                held_back = chosen.copy() if chosen is target else chosen
                np.copyto(target, other)
                np.copyto(target, held_back, where=condition)
            else:
                function(*inputs, out=target)
        for goal, target in late:
            np.copyto(goal, target)

    return step


def numexpr_step(ir, numbers, arrays):
    """A step by numexpr, one expression for each updated array; those that others need come first, and are read where they were written."""
    import numexpr

    operands, results = noted(ir, numbers)
    kind = arrays[0].dtype.type
    fresh = [np.empty_like(array) for array in arrays[: len(results)]]
    names = {id(operand): f"a{index}" for index, operand in enumerate(operands)}
    held = {f"a{index}": array for index, array in enumerate(arrays)}

    def written(one):
        if not isinstance(one, Noted):
            name = f"c{len(held)}"
            held[name] = kind(one)
            return name
        if id(one) in names:
            return names[id(one)]
        inputs = [written(other) for other in one.inputs]
        word = one.function.__name__
        if word in ("maximum", "minimum"):
            return f"where({inputs[0]} {'>' if word == 'maximum' else '<'} {inputs[1]}, {inputs[0]}, {inputs[1]})"
        if word == "sign":
            return f"where({inputs[0]} > 0, {written(1.0)}, where({inputs[0]} < 0, {written(-1.0)}, {written(0.0)}))"
        if word == "negative":
            return f"(-{inputs[0]})"
        if word in SYMBOLS:
            return f"({inputs[0]} {SYMBOLS[word]} {inputs[1]})"
        return f"{WORDS[word]}({', '.join(inputs)})"

    program = []
    for index in sorted(range(len(results)), key=lambda index: len(operations([results[index]]))):
        program.append((written(results[index]), fresh[index]))
        names[id(results[index])] = f"r{index}"
        held[f"r{index}"] = fresh[index]

    def step():
        for expression, target in program:
            numexpr.evaluate(expression, held, {}, out=target, casting="same_kind")
        for array, target in zip(arrays, fresh, strict=False):
            np.copyto(array, target)

    return step
