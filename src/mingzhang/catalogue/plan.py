"""What a change of the catalogue would do, before it is done: plain data."""

from __future__ import annotations

from collections import Counter

import msgspec

from mingzhang.catalogue.cells import Fault


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """One cell that becomes another."""

    column: str
    old: str
    new: str


class RowPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one row. `outcome`: new, changed, same or refused."""

    row: int
    product_id: str
    outcome: str
    changes: tuple[Changed, ...] = ()
    faults: tuple[Fault, ...] = ()


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What an import would do. `digest` names exactly this plan: what was previewed is what is applied."""

    rows: tuple[RowPlan, ...]
    digest: str

    @property
    def refused(self) -> tuple[RowPlan, ...]:
        """Rows with faults; while there is one, nothing is applied."""
        return tuple(row for row in self.rows if row.outcome == "refused")

    @property
    def counts(self) -> dict[str, int]:
        """Rows by outcome."""
        return dict(Counter(row.outcome for row in self.rows))
