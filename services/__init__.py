"""The services, independent of each other, and the program that runs them."""

VERSION = "0.1.0"
"""The program's version; the same as in `pyproject.toml`."""
