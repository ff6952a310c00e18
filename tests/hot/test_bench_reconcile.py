"""The benchmark of reconciliation knows its answers, and the product's own matching finds exactly those (R11)."""

from __future__ import annotations

from pathlib import Path

from mingzhang.app.bench.reconcile import run_reconcile
from mingzhang.reconciliation.model import BreakClass


def test_every_planted_difference_is_found_and_none_invented(tmp_path: Path) -> None:
    done = run_reconcile(tmp_path, 5000, 3, growth=False, say=lambda _text, _done: None)
    assert (done["audit"], done["invented"]) == ("ok", 0)
    assert done["found"] == done["planted"] > 0
    assert set(done["classes"]) == set(BreakClass)
    assert all(part["planted"] == part["found"] > 0 for part in done["classes"].values())
    assert done["peak_mb"] < 1500
