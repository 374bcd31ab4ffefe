"""A network of two layers learns handwritten digits, by `trainspec.fast` alone: forward, loss, backward, and the whole update in one pass.

The data are scikit-learn's: `pip install trainspec scikit-learn`, then `python examples/digits.py`.
"""

from __future__ import annotations

import numpy as np
from trainspec.fast import bind, initialization, losses, networks, training_step
from trainspec.reference.adam import AdamState

RATES = {"lr": 3e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 1e-4, "decay": 0.99, "largest": 1.0}


class Classifier:
    """Rectified linear units, then a score for each class; AdamW with clipped gradients, and averaged weights for the test."""

    def __init__(self, features: int, hidden: int, classes: int, batch: int, seed: int = 0) -> None:
        rng, dtype = np.random.default_rng(seed), np.float32
        first = initialization.he_normal(rng, hidden, features, dtype=dtype)
        second = initialization.xavier_normal(rng, classes, hidden, dtype=dtype)
        self.parameters = [first, np.zeros(hidden, dtype), second, np.zeros(classes, dtype)]
        self.gradients, self.averages = [np.zeros_like(array) for array in self.parameters], [array.copy() for array in self.parameters]
        states = [AdamState(np.zeros_like(array), np.zeros_like(array), 0) for array in self.parameters]
        self.update = bind(training_step, theta=self.parameters, grad=self.gradients, state=states, mean=self.averages, **RATES)
        self.h, self.dh = np.empty((2, batch, hidden), dtype)  # every step writes to the same memory
        self.scores, self.dscores = np.empty((2, batch, classes), dtype)
        self.loss, self.dx = np.empty((), dtype), np.empty((batch, features), dtype)

    def step(self, x: np.ndarray, labels: np.ndarray) -> float:
        """Take one step on a batch; return its loss."""
        w1, b1, w2, b2 = self.parameters
        dw1, db1, dw2, db2 = self.gradients
        networks.dense_relu(x, w1, b1, out=self.h)
        networks.dense(self.h, w2, b2, out=self.scores)
        losses.cross_entropy_with_grad(self.scores, labels, reduction="mean", out=(self.loss, self.dscores))
        networks.dense_backward(self.dscores, self.h, w2, out=(self.dh, dw2, db2))
        networks.dense_relu_backward(self.dh, self.h, x, w1, out=(self.dx, dw1, db1))
        self.update()
        return float(self.loss)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the class of each row, by the averaged weights."""
        w1, b1, w2, b2 = self.averages
        return np.argmax(networks.dense(networks.dense_relu(x, w1, b1), w2, b2), axis=1)


def train(x: np.ndarray, labels: np.ndarray, *, hidden: int = 64, batch: int = 64, epochs: int = 30, seed: int = 0) -> Classifier:
    """Return a classifier that has seen the rows so many times, each time in another order; what fills no batch waits for the next."""
    classifier = Classifier(x.shape[1], hidden, int(labels.max()) + 1, batch, seed)
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x) - batch + 1, batch):
            rows = order[start : start + batch]
            classifier.step(x[rows], labels[rows])
    return classifier


def main() -> None:
    """Train on four fifths of scikit-learn's digits, and print the share of the others that is recognized."""
    from sklearn.datasets import load_digits

    x, labels = load_digits(return_X_y=True)
    x, labels, order = (x / 16).astype(np.float32), labels.astype(np.int64), np.random.default_rng(1).permutation(len(x))
    known, others = order[: len(x) * 4 // 5], order[len(x) * 4 // 5 :]
    classifier = train(x[known], labels[known])
    print(f"{np.mean(classifier.predict(x[others]) == labels[others]):.1%} of {len(others)} digits are recognized")


if __name__ == "__main__":
    main()
