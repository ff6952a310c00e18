"""Statements are taken once, follow on each other, and are refused with line and field (issue 6, R41)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from random import Random

import asyncpg
import pytest

from mingzhang.custody.imports import import_file
from mingzhang.custody.store import open_account
from mingzhang.kit.errors import Problem

NOW = datetime(2026, 3, 4, tzinfo=UTC)
CAMT = (Path(__file__).parents[1] / "vectors" / "bank" / "camt.053.001.02.xml").read_text()
RNG = Random(1)
ACCOUNT = "6217000010001234567"


async def take(pool: asyncpg.Pool, text: str, name: str = "a.xml") -> list[bool]:
    taken = await import_file(pool, RNG, NOW, text.encode(), name=name, who="test")
    return [each.fresh for each in taken]


async def refusal(pool: asyncpg.Pool, text: str) -> str:
    with pytest.raises(Problem, match="statement_refused") as caught:
        await take(pool, text)
    return caught.value.detail


async def test_statements_are_taken_once_and_in_their_order(pool: asyncpg.Pool) -> None:
    assert (await refusal(pool, CAMT)).startswith("wrong_account: line 33")
    async with pool.acquire() as conn:
        assert await open_account(conn, NOW, account=ACCOUNT, bank="icbc", kind="custody", who="test")
        assert not await open_account(conn, NOW, account=ACCOUNT, bank="icbc", kind="self", who="test")
    assert await take(pool, CAMT) == [True]
    assert await take(pool, CAMT) == [False]
    assert await take(pool, CAMT.replace("结算款", "结算")) == [False], "another file, the same lines"
    corrected = CAMT.replace(">10000<", ">10001<").replace("10750.35", "10751.35").replace("10249", "10250")
    assert (await refusal(pool, corrected)).startswith("corrected")
    overlapping = CAMT.replace("STMT-2026-061", "STMT-2026-062")
    assert (await refusal(pool, overlapping)).startswith("gap: line 33, field opening balance")
    dollars = CAMT.replace("CNY", "USD").replace("STMT-2026-061", "STMT-2026-063")
    assert (await refusal(pool, dollars)).startswith("wrong_currency")
    assert await pool.fetchval("SELECT count(*) FROM bank_line") == 3
    assert await pool.fetchval("SELECT count(*) FROM bank_task WHERE state = 'open'") == 3
    assert await pool.fetchval("SELECT count(*) FROM bank_file") == 2
    assert await pool.fetchval("SELECT bool_and(sha256 = sha256(body)) FROM evidence")


async def test_a_line_is_booked_once_by_the_database_too(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as conn:
        await open_account(conn, NOW, account=ACCOUNT, bank="icbc", kind="custody", who="test")
    await take(pool, CAMT)
    book = "UPDATE bank_task SET state = 'booked', used_for = 'batch', booked_at = $1 WHERE position = 1"
    await pool.execute(book, NOW)
    for change in (book.replace("$1", "now()"), "DELETE FROM bank_task WHERE position = 1"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="bank_line_booked"):
            await pool.execute(change)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="bank_line_booked"):
        await pool.execute("UPDATE bank_task SET amount_fen = 1 WHERE position = 2")
