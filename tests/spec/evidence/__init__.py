"""Tests of the evidence and of its judge."""
