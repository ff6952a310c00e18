"""Complaints made at payment channels: found, bound to their orders as disputes, answered and settled there (R36)."""
