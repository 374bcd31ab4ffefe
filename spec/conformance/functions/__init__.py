"""The functions: variants, cases, and the verdict on an implementation."""
