"""Row 17: where the channel refuses for good, the money goes by the bank to the account that the buyer names (F14)."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import aiohttp
import pytest
from test_money_aside import employ, for_a_person, member
from test_settlement import FLOAT_FEN, sound, until, use_bank

from house import House, open_house
from mingzhang.app import desk_ageing, desk_aside, desk_money, desk_transfers
from mingzhang.app.http_kit import order_cookie
from mingzhang.kit.errors import Problem
from mingzhang.staff.model import Office
from mingzhang.transfers.payee import name_payee

NAME, ACCOUNT = "张三丰", "6222021234567894321"


async def agree(house: House, order_id: str) -> str:
    """Two people; the first cannot be the second, and what they agreed to is used up once."""
    ctx = house.desk.ctx
    approval = await desk_money.propose(
        ctx, member("lin"), order_id, "refund_by_transfer", "渠道已拒绝原路退款"
    )
    with pytest.raises(Problem, match="approval_own"):
        await desk_money.decide(ctx, member("lin"), order_id, approval, "approve", "")
    await desk_money.decide(ctx, member("wang"), order_id, approval, "approve", "")
    with pytest.raises(Problem):
        await desk_money.decide(ctx, member("wang"), order_id, approval, "approve", "")
    return approval


async def name_on_the_page(house: House, order_id: str) -> None:
    """A buyer without JavaScript: two different numbers are sent back to the form, the right ones are masked."""
    cookie = order_cookie(house.desk, order_id)
    async with aiohttp.ClientSession(headers={"Cookie": f"{cookie.key}={cookie.value}"}) as browser:
        async with browser.get(f"{house.url}/orders/{order_id}") as answer:
            assert f"/orders/{order_id}/payee" in await answer.text()
        url = f"{house.url}/orders/{order_id}/payee"
        async with browser.get(url) as answer:
            found = re.search(r'name="csrf" value="([^"]+)"', await answer.text())
        assert found is not None
        form = {"csrf": found.group(1), "name": NAME, "account": ACCOUNT, "again": ACCOUNT[:-1] + "0"}
        async with browser.post(url, data=form) as answer:
            assert (answer.status, ACCOUNT in await answer.text()) == (422, False)
        async with browser.post(url, data={**form, "account": "12", "again": "12"}) as answer:
            assert answer.status == 422
        async with browser.post(url, data={**form, "again": " ".join(ACCOUNT)}) as answer:
            html = await answer.text()
        assert answer.status == 200
        assert "张** ****4321" in html
        assert ACCOUNT not in html


async def is_sealed(house: House) -> None:
    """Name and account stand nowhere in clear but in what the bank itself wrote."""
    pool, secret = house.desk.pool, ACCOUNT.encode()
    kept = await pool.fetch("SELECT kind, body FROM evidence WHERE position($1::bytea IN body) > 0", secret)
    assert {row["kind"] for row in kept} <= {"bank.statement"}
    for table in ("instruction", "refund_payee", "refund", "event", "approval", "staff_action", "notice"):
        assert await pool.fetchval(f"SELECT count(*) FROM {table} t WHERE t::text LIKE '%{ACCOUNT}%'") == 0, (
            table
        )


@pytest.mark.long
async def test_f14_a_transfer_is_sent_once_arrives_by_the_banks_line_and_is_asked_again_when_it_comes_back(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path, speed=600.0, bank_fen=FLOAT_FEN) as house:
        await use_bank(house)
        await employ(house)
        ctx = house.desk.ctx
        order_id = await house.buy(("fulu", "account_banned"), ("alipay", "refund_refused"))
        page = await house.until(order_id, lambda page: page.sentence.code == "payee_needed")
        assert page.payee is not None
        assert "refund_by_transfer" not in await desk_money.list_open(ctx, order_id)
        await name_on_the_page(house, order_id)
        own = "SELECT coalesce(sum(amount_fen), 0)::bigint FROM leg WHERE place = 'custody' AND owner = 'F'"
        await until(house, own, FLOAT_FEN)  # the first statement's opening balance
        plan = await desk_transfers.read_plan(ctx, order_id)
        assert plan is not None
        assert (plan.amount_fen, plan.to, plan.original, plan.waits) == (
            10_000,
            "张** ****4321",
            f"{order_id}R1",
            False,
        )
        await house.world.fault("MZ", "bank", "status_lost")
        await house.world.fault("MZ", "bank", "refund_returned", s=1800)
        await agree(house, order_id)
        page = await house.until(order_id, lambda page: page.pay_badge == "refunded")
        assert page.refund is not None
        assert (page.sentence.code, page.refund.way) == ("transfer_arrived", "transfer")
        assert page.refund.destination == "张** ****4321"
        assert page.refund.reference.startswith("MZ")
        assert all(step.at is not None for step in page.refund.steps)
        page = await house.until(order_id, lambda page: page.sentence.code == "payee_needed")
        assert page.payee is not None
        assert page.payee.returned
        assert (await house.desk.pool.fetchval("SELECT holder FROM orders")) == "custody"
        with pytest.raises(Problem, match="payee_missing"):  # what was named once is not paid to again
            await desk_money.propose(ctx, member("lin"), order_id, "refund_by_transfer", "再转一次试试")
        await name_payee(ctx, order_id, NAME, f"{ACCOUNT[:-1]}8")
        await agree(house, order_id)
        page = await house.until(order_id, lambda page: page.pay_badge == "refunded")
        books = (await house.world.books())["bank"]["instructions"]
        assert sorted(one["seen"] for one in books.values()) == [1, 1]
        told = [line.kind for line in page.timeline if line.kind.startswith(("transfer", "payee", "refund"))]
        assert told == [
            *(
                "refund_asked",
                "refund_sent",
                "refund_refused",
                "payee_named",
                "transfer_asked",
                "refund_sent",
            ),
            *(
                "refund_accepted",
                "refund_arrived",
                "refund_returned",
                "payee_named",
                "transfer_asked",
                "refund_sent",
            ),
            *("refund_accepted", "refund_arrived"),
        ]
        assert (await desk_ageing.read_ageing(ctx)).rows == ()
        await is_sealed(house)
        await asyncio.sleep(0.1)
        await sound(house)


async def send_aside(house: House, item_id: str, account: str) -> None:
    """No account, no transfer; then two people, on exactly that account and its proof."""
    ctx = house.desk.ctx
    assert "refund_by_transfer" not in await desk_money.list_open(ctx, item_id)
    office, lin = Office(pool=ctx.pool, vault=ctx.vault, rng=ctx.rng, clock=ctx.clock), member("lin")
    given = desk_transfers.Given(name=NAME, account=account)
    await desk_transfers.name_for_item(office, ctx, lin, item_id, given, "付款人出示了同名银行卡")
    page = await desk_aside.read_page(ctx, lin, item_id)
    assert (page.may_name, page.payee, len(page.proof_sha256)) == (True, f"张** ****{account[-4:]}", 64)
    await agree(house, item_id)


async def item_is(house: House, item_id: str, state: str, holder: str) -> None:
    await until(house, f"SELECT state FROM suspense WHERE item_id = '{item_id}'", state)
    assert await house.desk.pool.fetchval("SELECT holder FROM suspense WHERE item_id = $1", item_id) == holder


@pytest.mark.long
async def test_money_put_aside_goes_by_the_bank_where_no_channel_takes_it_back(
    database_url: str, tmp_path: Path
) -> None:
    """Rows 13, 17, 23: paid twice and refused by the channel, returned by the bank once; what the bank brought."""
    async with open_house(database_url, tmp_path, speed=600.0, bank_fen=FLOAT_FEN) as house:
        await use_bank(house)
        await employ(house)
        order_id = await house.place()
        await house.world.fault("S", "alipay", "refund_refused")
        await house.buyer_pays(await house.open(order_id), pay_twice=True)
        item_id = (await for_a_person(house)).subject
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await until(
            house,
            "SELECT coalesce(sum(amount_fen), 0)::bigint FROM leg WHERE place = 'custody' AND owner = 'F'",
            FLOAT_FEN,
        )
        await house.world.fault("MZ", "bank", "refund_returned", s=1800)
        await send_aside(house, item_id, ACCOUNT)
        await until(house, "SELECT count(*) FROM refund WHERE state = 'returned'", 1)
        await item_is(house, item_id, "open", "custody")
        await sound(house)
        await send_aside(house, item_id, f"{ACCOUNT[:-1]}8")
        await item_is(house, item_id, "refunded", "refund.arrived")
        page = await house.page(order_id)
        assert "excess_transferred" in [line.kind for line in page.timeline]
        await house.world.tell("POST", "/bank/receive", {"fen": 12_300, "reference": "", "name": "王五"})
        await until(house, "SELECT count(*) FROM bank_task WHERE amount_fen = 12300", 1)
        await house.desk.pool.execute("UPDATE bank_task SET deadline_at = due_at WHERE amount_fen = 12300")
        brought = "SELECT item_id FROM suspense WHERE amount_fen = 12300"
        await until(house, f"SELECT count(*) FROM ({brought}) t", 1)
        from_bank = await house.desk.pool.fetchval(brought)
        await send_aside(house, from_bank, ACCOUNT)
        await item_is(house, from_bank, "refunded", "refund.arrived")
        books = (await house.world.books())["bank"]["instructions"]
        assert sorted((one["fen"], one["seen"]) for one in books.values()) == [
            (10_000, 1),
            (10_000, 1),
            (12_300, 1),
        ]
        await is_sealed(house)
        await sound(house)
        # An erasure of the order reaches what was named for its money, and nothing of anybody else's.
        bucket = await house.desk.pool.fetchval("SELECT bucket FROM suspense WHERE item_id = $1", item_id)
        assert await house.desk.pool.fetchval("SELECT erase_payees($1, $2)", bucket, order_id) == 2
        empty = (
            "SELECT count(*) FROM instruction WHERE purpose = 'refund' AND payee_enc = '' AND subject = $1"
        )
        assert await house.desk.pool.fetchval(empty, item_id) == 2
        assert await house.desk.pool.fetchval(empty, from_bank) == 0
