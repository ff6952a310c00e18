"""Couriers: one adapter for each way a notice can go out."""
