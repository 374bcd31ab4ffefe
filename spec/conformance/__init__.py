"""Who obeys: subjects, separating fixtures, the bank of named conventions, verdicts."""

from .verdict import Result, Verdict, check, identify

__all__ = ["Result", "Verdict", "check", "identify"]
