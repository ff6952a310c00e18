"""Custody and coverage for staff: two people for each instruction, only from float, and a public figure without amounts."""

from __future__ import annotations

import asyncio
import hashlib
import re
from datetime import timedelta
from pathlib import Path

import asyncpg
from test_staff_pages import sign_in_strong

from house import House, open_house
from mingzhang.custody.store import open_account
from mingzhang.kit.database import transaction
from mingzhang.settlement.coverage import close_next_day
from mingzhang.staff.rights import Role

FORM = {
    "purpose": "prefund",
    "bank": "bank",
    "party": "fulu",
    "payee_name": "福禄网络",
    "payee_account": "FULU-PREFUND",
    "reason": "预存款快用完了",
}


async def until(pool: asyncpg.Pool, statement: str, wanted: object) -> None:
    for _ in range(400):
        if await pool.fetchval(statement) == wanted:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(statement)


async def test_an_instruction_takes_two_people_and_only_float(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path, bank_fen=100_000) as house:
        ctx, pool = house.desk.ctx, house.desk.pool
        await house.world.tell("POST", "/bank/statement", {})
        async with transaction(pool) as conn:
            account = house.world.ready["bank"]["account"]
            await open_account(
                conn, ctx.now(), account=account, bank="bank", kind="self", who="test", adapter="bank"
            )
        lin = await sign_in_strong(house, "lin", Role.SUPPORT, Role.FINANCE)
        wang = await sign_in_strong(house, "wang", Role.FINANCE)
        url = "/staff/custody"
        async with lin.session, wang.session:
            await lin.look(url)
            await until(pool, "SELECT count(*) FROM bank_statement", 1)
            assert (await lin.send(f"{url}/instructions", **FORM, amount="1e3"))[0] == 422
            for amount in ("900", "200"):
                assert (await lin.send(f"{url}/instructions", **FORM, amount=amount))[0] == 303
            _, html = await wang.look(url)
            assert "商家自有账户(未存管)" in html
            found = re.findall(r"/staff/custody/bank/approvals/(\w{20})", html)
            assert len(set(found)) == 2
            words = [f"{url}/bank/approvals/{each}" for each in dict.fromkeys(found)]
            assert (await lin.send(words[0], word="approve"))[0] == 403
            told = [(await wang.send(word, word="approve"))[0] for word in words]
            assert sorted(told) == [303, 409], "together they are more than the float"
            await until(pool, "SELECT state FROM instruction", "accepted")
            await asyncio.sleep(1.5)  # the bank carries it out within a minute of its own time
            await house.world.tell("POST", "/bank/statement", {})
            await until(pool, "SELECT state FROM instruction", "done")
            _, html = await wang.look(url)
            assert "已完成" in html
            _, html = await wang.look("/staff/coverage?lang=en")
            assert "Proof, row by row" in html
            assert (await wang.look("/staff/coverage?day=2001-01-01"))[0] == 404
        async with house.http.get(f"{house.url}/api/v1/trust/coverage") as answer:
            assert answer.status == 200
            said = await answer.json()
        assert (said["custody"], said["short"], said["new_money_pays_old_orders"]) == ("self", False, False)
        assert await house.lost_fen() == 0
        await everybody_may_read(house)


async def everybody_may_read(house: House) -> None:
    """The trust page (R45): the day just closed with its proof, no account number, the rules to keep."""
    async with house.desk.pool.acquire() as conn, conn.transaction(isolation="repeatable_read"):
        day = await close_next_day(conn, house.desk.clock.now() + timedelta(days=2))
    async with house.http.get(f"{house.url}/api/v1/trust") as answer:
        assert answer.status == 200
        told = await answer.json()
    assert (told["custody"], told["short"], told["new_money_fen"]) == ("self", False, 0)
    assert [row["day"] for row in told["days"]] == [str(day)]
    pages = {}
    for path in ("/trust", f"/trust/days/{day}", "/trust/papers/rules/1", "/trust/papers/rules/1/text"):
        async with house.http.get(house.url + path) as answer:
            assert answer.status == 200, path
            assert (answer.headers.get("Content-Encoding") == "gzip") is not path.endswith("/text"), path
            pages[path] = await answer.text()
        assert house.world.ready["bank"]["account"] not in pages[path]
    assert "商家自有账户（未存管）" in pages["/trust"]
    digest = hashlib.sha256(pages["/trust/papers/rules/1/text"].encode()).hexdigest()
    assert digest == told["papers"][0]["sha256"]
    assert digest in pages["/trust/papers/rules/1"]
    async with house.http.get(f"{house.url}/api/v1/trust/days/{day}") as answer:
        rows = (await answer.json())["rows"]
    owed = sum(row["fen"] for row in rows if row["kind"] == "owed")
    assert (owed, sum(row["fen"] for row in rows) - owed) == (
        told["days"][0]["owed_fen"],
        told["days"][0]["covered_fen"],
    )
    for path in (
        "/trust/days/2001-01-01",
        "/trust/days/x",
        "/trust/papers/rules/99",
        "/trust/papers/rules/-1",
    ):
        async with house.http.get(house.url + path) as answer:
            assert answer.status == 404, path
