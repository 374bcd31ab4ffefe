"""The optimizers: conventions, fixtures, and the verdict on an implementation."""
