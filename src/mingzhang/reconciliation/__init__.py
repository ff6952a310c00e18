"""Holding the ledger against the outside world, day by day (对账): bills, supplier lists, bank statements.

`model.py` says what a line and a difference are; `match.py` finds the differences in DuckDB; `bills/` reads what the
outside writes; `flow.py` takes files in and judges a day; `breaks.py` follows every difference to its end.
"""
