"""Acme Top-up, a supplier that does not exist: the worked example of docs/adapters.md."""
