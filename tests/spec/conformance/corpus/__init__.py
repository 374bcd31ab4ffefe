"""Implementations that the kit is tested with: correct ones, incorrect ones with the mistake of each, and ones that misbehave."""
