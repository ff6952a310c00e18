"""The bank that keeps the money (存管): statements, instructions, coverage (R8, R15, R41)."""
