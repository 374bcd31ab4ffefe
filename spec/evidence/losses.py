"""Evidence for reference/losses.py."""
