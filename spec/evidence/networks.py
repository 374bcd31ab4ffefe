"""Evidence for reference/networks.py."""
