"""Oversight (监管): what an auditor or a regulator sees with own eyes, read only and masked (R15, R42, R43)."""
