"""Kernels with hand-written loops: reductions, layers, losses."""
