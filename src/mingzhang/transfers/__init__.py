"""Refunds by bank transfer (row 17): where the way that the money came is closed, to the account its buyer names."""
