"""Formulas in plain NumPy that the tests of Tensor and of the prover run, and nobody else."""

import numpy as np


def batchnorm(x, gamma, beta, delta):
    mean = np.mean(x, axis=0)
    variance = np.mean((x - mean) ** 2, axis=0)
    return gamma * (x - mean) / np.sqrt(variance + delta) + beta


def batchnorm_backward(x, gamma, delta, dy):
    mean = np.mean(x, axis=0)
    spread = np.sqrt(np.mean((x - mean) ** 2, axis=0) + delta)
    scaled = (x - mean) / spread
    dgamma, dbeta = np.sum(dy * scaled, axis=0), np.sum(dy, axis=0)
    return gamma / spread * (dy - np.mean(dy, axis=0) - scaled * np.mean(dy * scaled, axis=0)), dgamma, dbeta


def dense(x, w, b):
    return x @ w + b


def dense_of(x, w, **_):
    return dense(x, w, np.sum(w, axis=0))


def dense_backward(x, w, dy):
    return dy @ np.transpose(w), np.transpose(x) @ dy, np.sum(dy, axis=0)


def softmax(z):
    powers = np.exp(z - np.max(z, axis=1, keepdims=True))
    return powers / np.sum(powers, axis=1, keepdims=True)


def cross_entropy(z, y):
    shifted = z - np.max(z, axis=1, keepdims=True)
    return -np.sum(y * (shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))))


def cross_entropy_gradient(z, y):
    return softmax(z) - y
