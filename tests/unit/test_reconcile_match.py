"""The matching itself: each class of difference from lines that bear it, and nothing from lines that agree (R11)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from mingzhang.kit.beijing import BEIJING
from mingzhang.reconciliation.match import Limits, Matcher, Rules, write_ours, write_theirs
from mingzhang.reconciliation.model import BreakClass, Found, Kind, Line, OurLine, Word

DAY = date(2026, 11, 22)
NOON = datetime(2026, 11, 22, 12, tzinfo=BEIJING)
LATE = datetime(2026, 11, 22, 23, 59, 30, tzinfo=BEIJING)


def line(key: str, position: int, **other: object) -> Line:
    told: dict[str, object] = {
        "kind": Kind.PAID,
        "key": key,
        "our_no": f"our-{key}",
        "their_no": key,
        "amount_fen": 1000,
        "fee_fen": 6,
        "state": Word.DONE,
        "occurred_at": NOON,
        "position": position,
    }
    return Line(**(told | other))  # type: ignore[arg-type]


def our(key: str, **other: object) -> OurLine:
    told: dict[str, object] = {
        "kind": Kind.PAID,
        "key": key,
        "our_no": f"our-{key}",
        "their_no": key,
        "amount_fen": 1000,
        "fee_fen": 6,
        "state": Word.DONE,
        "occurred_at": NOON,
        "day": DAY,
        "subject": f"order-{key}",
        "evidence_id": f"evidence-{key}",
    }
    return OurLine(**(told | other))  # type: ignore[arg-type]


def judge(
    folder: Path,
    theirs: list[Line],
    ours: list[OurLine],
    elsewhere: tuple[OurLine, ...] = (),
    issued: tuple[str, ...] = (),
    limits: Limits | None = None,
) -> tuple[dict[str, Found], int]:
    """Differences by key, and how many pairs agreed."""
    write_theirs(folder / "theirs.csv", theirs)
    write_ours(folder / "ours.csv", ours)
    with Matcher(folder, folder / "theirs.csv", folder / "ours.csv", Rules(day=DAY), limits) as matcher:
        matcher.pair()
        asked = [it.key for batch in matcher.wanted() for it in batch]
        assert set(asked) <= {it.key for it in theirs}
        matcher.read_elsewhere([it for it in elsewhere if it.key in asked], issued)
        found = [it for batch in matcher.judge() for it in batch]
        agreed = matcher.agreed()
        totals = matcher.totals()
    assert sum(it.theirs_n for it in totals) == len(theirs)
    return {f"{it.key}{'+' * it.n}": it for it in found}, agreed


def test_each_class_is_told_apart_and_what_agrees_is_not_told(tmp_path: Path) -> None:
    theirs = [
        line("same", 1),
        line("amount", 2, amount_fen=1001),
        line("fee", 3, fee_fen=7),
        line("state", 4, state=Word.FAILED, amount_fen=900),
        line("lone", 5),
        line("strange", 6, our_no="nobody's"),
        line("twice", 7),
        line("twice", 8),
        line("strayed", 9),
        line("midnight", 10, occurred_at=LATE),
        line("fresh", 11, occurred_at=LATE),
        line("quiet", 12, fee_fen=None),
    ]
    ours = [
        our("same"),
        our("amount"),
        our("fee"),
        our("state"),
        our("twice"),
        our("gone"),
        our("waits", occurred_at=LATE),
        our("left", occurred_at=LATE - timedelta(days=1), day=DAY - timedelta(days=1), carried=True),
        our("yesterday", day=DAY - timedelta(days=1)),
        our("quiet"),
    ]
    elsewhere = (
        our("strayed", occurred_at=NOON - timedelta(days=3), day=DAY - timedelta(days=3)),
        our("midnight", occurred_at=LATE + timedelta(minutes=1), day=DAY + timedelta(days=1)),
    )
    found, agreed = judge(tmp_path, theirs, ours, elsewhere, issued=("our-lone", "our-fresh"))
    assert {key: it.cls for key, it in found.items()} == {
        "amount": BreakClass.AMOUNT,
        "fee": BreakClass.FEE,
        "state": BreakClass.STATE_CONFLICT,
        "lone": BreakClass.MISSING_OURS,
        "strange": BreakClass.UNKNOWN_COUNTERPARTY,
        "twice+": BreakClass.DUPLICATE,
        "strayed": BreakClass.WRONG_DAY,
        "midnight": BreakClass.TIMING,
        "fresh": BreakClass.TIMING,
        "gone": BreakClass.MISSING_THEIRS,
        "waits": BreakClass.TIMING,
        "left": BreakClass.MISSING_THEIRS,
    }
    assert agreed == 3
    assert found["midnight"].settled
    assert not found["waits"].settled
    assert {key: found[key].stake_fen for key in ("amount", "fee", "lone", "gone")} == {
        "amount": 1,
        "fee": 1,
        "lone": 1000,
        "gone": 1000,
    }
    theirs_side = found["strayed"].theirs
    assert theirs_side is not None
    assert (theirs_side.position, theirs_side.our_no) == (9, "our-strayed")
    assert found["gone"].ours is not None
    assert found["gone"].ours.subject == "order-gone"


def test_large_files_are_joined_in_parts_with_the_same_result(tmp_path: Path) -> None:
    theirs = [line(f"k{n:05d}", n, amount_fen=1000 + (n == 777)) for n in range(1, 3000)]
    ours = [our(f"k{n:05d}") for n in range(2, 3001)]
    small, large = tmp_path / "small", tmp_path / "large"
    small.mkdir()
    large.mkdir()
    whole = judge(small, theirs, ours, issued=("our-k00001",))
    # A part of zero MiB is one byte's: as many parts as there may be.
    parted = judge(large, theirs, ours, issued=("our-k00001",), limits=Limits(part_mb=0))
    assert whole == parted
    assert {key: it.cls for key, it in whole[0].items()} == {
        "k00001": BreakClass.MISSING_OURS,
        "k00777": BreakClass.AMOUNT,
        "k03000": BreakClass.MISSING_THEIRS,
    }


@pytest.mark.parametrize("key", ["K'; DROP TABLE theirs --", '逗号,"引号"\n换行', "=1+1"])
def test_a_number_is_only_ever_compared(tmp_path: Path, key: str) -> None:
    found, agreed = judge(tmp_path, [line(key, 1)], [our(key)])
    assert (found, agreed) == ({}, 1)
