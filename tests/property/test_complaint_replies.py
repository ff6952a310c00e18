"""What staff answer to a complaint that belongs to no case: every text is told, also of two who answer at once (R36)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from lifecycle_house import open_lifecycle_house

from mingzhang.complaints import store, talk
from mingzhang.complaints.read import desk_of
from mingzhang.complaints.store import SQL, Act, Row
from mingzhang.orders.context import Context

MANY: Final = 405


async def test_of_two_who_answer_at_once_neither_is_lost(database_url: str, tmp_path: Path) -> None:
    async with open_lifecycle_house(database_url, tmp_path) as house:
        ctx = house.ctx
        desk = desk_of(ctx, "alipay")
        assert desk is not None
        await ctx.pool.execute(SQL.hear_complaint, "alipay", "C1", ctx.now())
        async with ctx.pool.acquire() as conn:
            row = await store.read(conn, "alipay", "C1")
        await asyncio.gather(*(talk.plan_reply(ctx, desk, row, f"答复{n}") for n in range(4)))
        async with ctx.pool.acquire() as conn:
            acts = await store.list_acts(conn, row)
        assert {ctx.vault.open(act.text_enc) for act in acts} == {f"答复{n}" for n in range(4)}

        long = "长" * 250
        for text in (long, "另一句", long, "另一句"):  # a double click of each of two people on one page
            await talk.plan_reply(ctx, desk, row, text, seen=4)
        acts = await _acts(ctx, row)
        assert [ctx.vault.open(act.text_enc) for act in acts[4:]] == ["长" * 200, "长" * 50, "另一句"]
        await talk.plan_reply(ctx, desk, row, long, seen=len(acts))  # the page read anew: it is meant
        assert len(await _acts(ctx, row)) == 9
        for n in range(9, MANY):
            await talk.plan_reply(ctx, desk, row, f"第{n}句", seen=n)
        await talk.plan_reply(ctx, desk, row, "最后一句", seen=400)
        assert ctx.vault.open((await _acts(ctx, row))[-1].text_enc) == "最后一句"


async def _acts(ctx: Context, row: Row) -> list[Act]:
    async with ctx.pool.acquire() as conn:
        return await store.list_acts(conn, row)
