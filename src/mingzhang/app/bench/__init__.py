"""Benchmarks: ratios against plain transactions on the same schema, side by side in one run (docs/benchmarks)."""
