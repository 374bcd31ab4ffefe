"""A pytest file for an optimizer in Python: `pytest test_adamw.py`, here with PyTorch's AdamW. Put yours in the place of `steps`."""

from pathlib import Path

import pytest
from trainspec_vectors import bits, read_lines, worst

torch = pytest.importorskip("torch")
LINES = read_lines(Path(__file__).parent.parent / "optimizers.adamw.jsonl")
RUNS = [fields for fields in LINES if fields["k"] == "run" and bits(fields.get("eps_root", "0" * 16)) == [0.0]]  # PyTorch has no eps_root


def steps(theta, dtype, hyper):
    """Return a function that makes one step and returns the new point as a list."""
    point = torch.tensor(theta, dtype=dtype)
    optimizer = torch.optim.AdamW([point], lr=1.0, **hyper)

    def step(grad, lr):
        optimizer.param_groups[0]["lr"] = lr
        point.grad = torch.tensor(grad, dtype=dtype)
        optimizer.step()
        return point.tolist()

    return step


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run["id"])
def test_run(run):
    """Every step of a run is within its tolerance."""
    number = {name: bits(run[name])[0] for name in ("beta1", "beta2", "eps", "weight_decay")}
    hyper = {"betas": (number["beta1"], number["beta2"]), "eps": number["eps"], "weight_decay": number["weight_decay"]}
    step = steps(bits(run["theta"], run["dtype"]), getattr(torch, run["dtype"]), hyper)
    for fields in LINES:
        if fields["k"] == "step" and fields["of"] == run["id"]:
            ratio, element = worst(fields, "new.theta", step(bits(fields["grad"], run["dtype"]), bits(fields["lr"])[0]))
            assert ratio <= 1, f"step {fields['t']}, element {element}: off by {ratio:.3g} tolerances"
