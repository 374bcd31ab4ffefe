"""Random weights from a counter-based generator."""
