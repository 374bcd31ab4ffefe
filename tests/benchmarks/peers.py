"""Steps of other libraries from the same point, as their users call them; none where a library is missing or has no such step."""

import importlib.util

import numpy as np

from ..support.kernels import HYPERPARAMETERS, arrays_of

BETAS = {"betas": (HYPERPARAMETERS["beta1"], HYPERPARAMETERS["beta2"]), "eps": HYPERPARAMETERS["eps"]}
SGD = {"momentum": HYPERPARAMETERS["momentum"]}
# torch's class, its options, its names for the arrays of our state, and whether its state counts steps
TORCH = {
    "gradient_descent": ("SGD", {}, (), False),
    "heavy_ball_lr_outside": ("SGD", SGD, ("momentum_buffer",), False),
    "nesterov_lr_outside": ("SGD", SGD | {"nesterov": True}, ("momentum_buffer",), False),
    "adagrad": ("Adagrad", {"eps": HYPERPARAMETERS["eps"]}, ("sum",), True),
    "rmsprop": ("RMSprop", {"alpha": HYPERPARAMETERS["decay"], "eps": HYPERPARAMETERS["eps"]}, ("square_avg",), True),
    "adam": ("Adam", BETAS, ("exp_avg", "exp_avg_sq"), True),
    "adam_l2": ("Adam", BETAS | {"weight_decay": HYPERPARAMETERS["weight_decay"]}, ("exp_avg", "exp_avg_sq"), True),
    "adamw": ("AdamW", BETAS | {"weight_decay": HYPERPARAMETERS["weight_decay"]}, ("exp_avg", "exp_avg_sq"), True),
}
FUSED = {"SGD", "Adagrad", "Adam", "AdamW"}
ADAM = {"b1": HYPERPARAMETERS["beta1"], "b2": HYPERPARAMETERS["beta2"], "eps": HYPERPARAMETERS["eps"]}
OPTAX = {
    "gradient_descent": ("sgd", {}),
    "heavy_ball_lr_outside": ("sgd", {"momentum": HYPERPARAMETERS["momentum"]}),
    "nesterov_lr_outside": ("sgd", {"momentum": HYPERPARAMETERS["momentum"], "nesterov": True}),
    "adam": ("adam", ADAM),
    "adamw": ("adamw", ADAM | {"weight_decay": HYPERPARAMETERS["weight_decay"]}),
}


def here(*libraries):
    """Whether all of them are installed."""
    return all(importlib.util.find_spec(library) for library in libraries)


def torch_steps(name, values):
    """By the way it may run: torch's step, and how to read its parameter."""
    if not here("torch") or name not in TORCH:
        return {}
    import torch

    kind, options, fields, counted = TORCH[name]
    ways = {"torch": {"foreach": False}, "torch foreach": {"foreach": True}} | ({"torch fused": {"fused": True}} if kind in FUSED else {})

    def step(way):
        theta, grad, *memory = (torch.from_numpy(np.copy(array)) for array in arrays_of(values))
        theta.requires_grad_()
        theta.grad = grad
        optimizer = getattr(torch.optim, kind)([theta], lr=HYPERPARAMETERS["lr"], **options, **way)
        optimizer.state[theta] = dict(zip(fields, memory, strict=True)) | (
            {"step": torch.tensor(float(HYPERPARAMETERS["t"]))} if counted else {}
        )
        return optimizer.step, lambda: theta.detach().numpy()

    return {way: step(options) for way, options in ways.items()}


def optax_steps(name, values):
    """Optax's step under jit, its buffers given back; from a fresh state, for it has a form of its own."""
    if not here("jax", "optax") or name not in OPTAX:
        return {}
    import jax
    import optax

    jax.config.update("jax_enable_x64", True)
    kind, options = OPTAX[name]
    optimizer = getattr(optax, kind)(HYPERPARAMETERS["lr"], **options)
    theta, grad = (jax.numpy.asarray(np.copy(array)) for array in arrays_of(values)[:2])

    def update(theta, state, grad):
        updates, state = optimizer.update(grad, state, theta)
        return optax.apply_updates(theta, updates), state

    compiled = jax.jit(update, donate_argnums=(0, 1))
    held = [theta, optimizer.init(theta)]

    def step():
        held[:] = compiled(*held, grad)
        held[0].block_until_ready()

    return {"optax": (step, lambda: np.asarray(held[0]))}


def jax_step(module, name, arrays, hyper):
    """The reference's own source on JAX's arrays, compiled."""
    if not here("jax"):
        return {}
    import jax
    from trainspec.spec.arithmetic import rebind

    jax.config.update("jax_enable_x64", True)
    formula, there = getattr(rebind(module, jax.numpy), name), [jax.numpy.asarray(array) for array in arrays]
    compiled = jax.jit(lambda *arrays: formula(*arrays, **hyper))
    return {"jax": lambda: jax.block_until_ready(compiled(*there))}


def onnx_step(operator, arrays, opset=17, **attributes):
    """One operator of ONNX Runtime."""
    if not here("onnx", "onnxruntime"):
        return {}
    import onnx
    import onnxruntime

    kind = onnx.helper.np_dtype_to_tensor_dtype(arrays[0].dtype)
    inputs = [onnx.helper.make_tensor_value_info(f"x{i}", kind, array.shape) for i, array in enumerate(arrays)]
    node = onnx.helper.make_node(operator, [array.name for array in inputs], ["y"], **attributes)
    graph = onnx.helper.make_graph([node], operator, inputs, [onnx.helper.make_tensor_value_info("y", kind, arrays[0].shape)])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=8)
    session, given = onnxruntime.InferenceSession(model.SerializeToString()), {f"x{i}": array for i, array in enumerate(arrays)}
    return {"onnxruntime": lambda: session.run(None, given)[0]}
