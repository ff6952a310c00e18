"""Rules, agreement and privacy terms: seven days' notice in code and database, sentences compared, what held when."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from mingzhang.app.desk_papers import begins, earliest_day
from mingzhang.catalogue import papers
from mingzhang.catalogue.terms import ZH_MAX, Paper, Piece, compare, draft, in_force, to_come
from mingzhang.kit.errors import Problem

NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)
DAY = timedelta(days=1)


def drafted(last: Paper | None, at: datetime, text: str = "甲。", now: datetime = NOW, **more: str) -> Paper:
    return draft(last, "rules", text, more.get("text_en", "A."), at, "wu", "", now)


def test_a_change_is_refused_that_nobody_could_have_read_for_a_week() -> None:
    first = drafted(None, NOW + 90 * DAY)
    assert (first.version, first.effective_at) == (1, NOW), "the first version holds at once"
    assert hashlib.sha256(first.body).hexdigest() == first.sha256
    for wrong, code in (
        ({"at": NOW + 7 * DAY - timedelta(seconds=1), "text": "乙。"}, "notice_too_short"),
        ({"at": NOW - DAY, "text": "乙。"}, "notice_too_short"),
        ({"at": NOW + 8 * DAY}, "nothing_changed"),
        ({"at": NOW + 8 * DAY, "text": " \r\n "}, "paper_invalid"),
        ({"at": NOW + 8 * DAY, "text": "乙" * (ZH_MAX + 1)}, "paper_invalid"),
        ({"at": NOW + 8 * DAY, "text": "乙\u202e。"}, "paper_invalid"),
        ({"at": NOW + 8 * DAY, "text_en": ""}, "paper_invalid"),
    ):
        with pytest.raises(Problem) as caught:
            drafted(first, **wrong)  # type: ignore[arg-type]
        assert caught.value.code == code, wrong
    second = drafted(first, NOW + 7 * DAY, "乙。")
    with pytest.raises(Problem):
        drafted(second, NOW + 7 * DAY, "丙。", NOW - DAY)
    known = [first, second]
    assert in_force(known, "rules", NOW + 7 * DAY - timedelta(seconds=1)) == first
    assert in_force(known, "rules", NOW + 7 * DAY) == second
    assert in_force(known, "privacy", NOW) is None
    assert to_come(known, NOW) == [second]


def test_the_earliest_day_is_always_far_enough() -> None:
    for hours in range(0, 50, 3):
        now = NOW + timedelta(hours=hours)
        assert timedelta(days=7) <= begins(earliest_day(now)) - now <= timedelta(days=8)


def test_sentences_are_compared_and_nothing_is_lost() -> None:
    old, new = "一。二。\n三；四。", "一。二改。\n四。五"
    pieces = compare(old, new)
    assert Piece("gone", "二。") in pieces or any(p.how == "gone" and "二。" in p.text for p in pieces)
    assert "".join(p.text for p in pieces if p.how != "new") == old
    assert "".join(p.text for p in pieces if p.how != "gone") == new
    old, new = "Pay 1.5 yuan. Wait. Done", "Pay 2.5 yuan. Wait! Done"
    pieces = compare(old, new, english=True)
    assert "".join(p.text for p in pieces if p.how != "new") == old
    assert "".join(p.text for p in pieces if p.how != "gone") == new


async def test_the_database_refuses_the_same(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as conn:
        first = drafted(None, NOW)
        await papers.publish(conn, first)
        with pytest.raises(Problem) as caught:
            await papers.publish(conn, first)
        assert caught.value.code == "settings_changed"
        second = drafted(first, NOW + 8 * DAY, "乙。")
        early = {"effective_at": NOW + 6 * DAY}
        skipped = {"version": 3}
        other = {"kind": "privacy"}
        for wrong in (early, skipped, other):
            with pytest.raises(asyncpg.CheckViolationError):
                await papers.publish(conn, Paper(**{**_plain(second), **wrong}))
        await papers.publish(conn, second)
        assert await papers.read_newest(conn, "rules") == second
        assert [one.version for one in await papers.list_papers(conn)] == [2, 1]
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute("UPDATE rule_version SET text_zh = ''")


def _plain(paper: Paper) -> dict[str, object]:
    return {name: getattr(paper, name) for name in Paper.__struct_fields__}
