"""Adapters: one small module a library, each with `subject(found)`, which makes subjects of what it knows and declines the rest."""
