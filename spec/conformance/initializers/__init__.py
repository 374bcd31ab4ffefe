"""The initializers: laws, tests, and the verdict on an implementation."""
