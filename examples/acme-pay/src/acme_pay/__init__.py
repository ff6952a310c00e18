"""Acme Pay, a payment channel that does not exist: the worked example of docs/adapters.md."""
