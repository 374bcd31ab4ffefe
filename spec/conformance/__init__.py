"""Who obeys: subjects, separating fixtures, the bank of named conventions, verdicts."""
