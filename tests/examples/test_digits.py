"""The example learns, takes the steps that the reference takes, and gives the same weights again."""

import importlib.util
from pathlib import Path

import numpy as np
from trainspec.fast.networks import dense, dense_relu
from trainspec.reference import losses, networks

PATH = Path(__file__).parents[2] / "examples" / "digits.py"


def load_example():
    spec = importlib.util.spec_from_file_location("digits_example", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def clouds(count, seed=0):
    """Points around four centres, and which centre."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, count)
    return (np.eye(4)[labels] + 0.2 * rng.standard_normal((count, 4))).astype(np.float32), labels


def test_it_learns_and_learns_the_same_again():
    example = load_example()
    x, labels = clouds(400)
    classifier, again = (example.train(x, labels, hidden=16, batch=32, epochs=25) for _ in range(2))
    others, wanted = clouds(200, seed=1)
    assert np.mean(classifier.predict(others) == wanted) > 0.9
    assert all(a.tobytes() == b.tobytes() for a, b in zip(classifier.averages, again.averages, strict=True))


def test_the_gradients_of_a_step_are_the_references():
    example = load_example()
    x, labels = clouds(32)
    classifier = example.Classifier(4, 8, 4, 32)
    w1, b1, w2, b2 = (array.astype(float) for array in classifier.parameters)
    seen = []
    update = classifier.update
    classifier.update = lambda: seen.extend(array.copy() for array in classifier.gradients) or update()
    loss = classifier.step(x, labels)
    h = networks.dense_relu.raw(x.astype(float), w1, b1)
    scores = networks.dense.raw(h, w2, b2)
    dscores = losses.cross_entropy_grad.raw(scores, labels, reduction="mean")
    dh, dw2, db2 = networks.dense_backward.raw(dscores, h, w2)
    _, dw1, db1 = networks.dense_relu_backward.raw(dh, h, x.astype(float), w1)
    assert abs(loss - losses.cross_entropy.raw(scores, labels, reduction="mean")) < 64 * np.finfo(np.float32).eps
    for got, wanted in zip(seen, (dw1, db1, dw2, db2), strict=True):
        assert np.max(np.abs(got - wanted)) < 64 * np.finfo(np.float32).eps
    assert all(np.all(array == 0) for array in classifier.gradients)  # for the next batch to be added to
    assert not np.array_equal(dense(dense_relu(x, *classifier.parameters[:2]), *classifier.parameters[2:]), scores.astype(np.float32))
