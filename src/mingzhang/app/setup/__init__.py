"""The set-up wizard: what a shop needs before its first real order, looked at and tried, never only ticked."""
