"""Evidence for reference/data.py."""
