"""Why the formulas hold, and who obeys them: catalogue, arithmetics, evidence, conformance."""
