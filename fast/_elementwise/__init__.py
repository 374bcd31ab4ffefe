"""Elementwise kernels: compiled from the source of the reference's formula, for one array or for lists of arrays."""
