"""Row 23: money put aside is given to its order by two people, when the channel's evidence supports it (F12, F17, R26)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from test_f01_f20 import sound
from test_money_aside import employ, for_a_person, member

from house import House, open_house
from mingzhang.app import desk_aside, desk_money
from mingzhang.kit.errors import Problem
from mingzhang.orders.claims import make_claim
from mingzhang.payments.channels.base import Outcome, PaymentRequest
from mingzhang.payments.store import read_item


async def foreign_trade(house: House, number: str, fen: int, channel: str = "alipay") -> None:
    """A trade that somebody paid under a number that is none of ours."""
    opened = await house.desk.channels[channel].open(
        PaymentRequest(
            payment_no=number,
            amount_fen=fen,
            subject="other",
            method="qr",
            expires_at=house.desk.clock.now() + timedelta(hours=1),
            notify_url=f"{house.url}/hooks/channels/{channel}",
            client_ip="127.0.0.1",
        )
    )
    assert opened.outcome is Outcome.OK
    await house.buyer_pays(number)


async def two_people_match(house: House, item_id: str, order_id: str) -> None:
    ctx, terms = house.desk.ctx, {"order": order_id}
    approval = await desk_money.propose(
        ctx, member("lin"), item_id, "match_suspense", "买家提供了交易号", terms
    )
    with pytest.raises(Problem, match="approval_own"):
        await desk_money.decide(ctx, member("lin"), item_id, approval, "approve", "")
    clicks = [desk_money.decide(ctx, member("wang"), item_id, approval, "approve", "") for _ in range(4)]
    assert (await asyncio.gather(*clicks, return_exceptions=True)).count(None) == 1


@pytest.mark.parametrize(("channel", "buckets"), [("alipay", 1), ("epay", 8)])
async def test_money_under_an_unknown_number_is_given_to_the_order_whose_buyer_shows_it(
    database_url: str, tmp_path: Path, channel: str, buckets: int
) -> None:
    """In the item's bucket and across buckets (owner H): the order goes on, and a refund would find the trade."""
    async with open_house(database_url, tmp_path, buckets=buckets) as house:
        await employ(house)
        order_id = await house.place()
        while buckets > 1 and order_id[1:4] == "000":  # another bucket than the item's
            order_id = await house.place()
        await house.world.fault(f"{order_id}T1", "fulu", "account_banned")
        other = await house.place("phone-50")
        await foreign_trade(house, "OTHER00000000000001", 10000, channel)
        item = await for_a_person(house)
        transaction = await house.desk.pool.fetchval("SELECT transaction_id FROM suspense")
        ctx = house.desk.ctx
        for wrong, why in ((order_id, "match_unsupported"), (other, "match_amount"), ("X", "unknown_order")):
            with pytest.raises(Problem, match=why):
                await desk_money.propose(
                    ctx, member("lin"), item.subject, "match_suspense", "试一下看看", {"order": wrong}
                )
        await make_claim(ctx, order_id, transaction)
        async with house.desk.pool.acquire() as conn:
            held = await read_item(conn, item.subject)
        assert held is not None
        seen = await desk_aside.preview_match(ctx, held, order_id)
        assert seen is not None
        assert (seen.supports, seen.problem, seen.price_fen) == (("claim",), "", 10000)
        await two_people_match(house, item.subject, order_id)
        page = await house.until(
            order_id, lambda page: page.pay_badge == "refunded"
        )  # refused, and given back
        kinds = [line.kind for line in page.timeline]
        assert kinds.index("money_matched") < kinds.index("sent") < kinds.index("refund_arrived")
        assert dict(page.numbers)["transaction"] == transaction
        item_state = "SELECT state, order_id FROM suspense"
        assert tuple((await house.desk.pool.fetch(item_state))[0]) == ("matched", order_id)
        await sound(house)


async def test_the_true_payment_beside_one_that_was_proved_unpaid_pays_the_order(
    database_url: str, tmp_path: Path
) -> None:
    """F4 and F15 together: the lie is ended by two people, the money beside it is the order's, and it goes on."""
    async with open_house(database_url, tmp_path) as house:
        await employ(house)
        order_id = await house.place()
        await house.world.fault(order_id, "alipay", "notify_for_unpaid")
        await house.world.fault(f"{order_id}T1", "fulu", "account_banned")
        await house.world.fault(order_id, "alipay", "refund_refused")
        payment_no = await house.open(order_id)
        await house.until(order_id, lambda page: page.sentence.code == "money_in_doubt")
        await house.buyer_pays(payment_no)
        item = await for_a_person(house)
        with pytest.raises(Problem, match="match_not_open"):  # first the doubt is ended
            await two_people_match(house, item.subject, order_id)
        ctx = house.desk.ctx
        approval = await desk_money.propose(ctx, member("lin"), order_id, "prove_unpaid", "渠道查无此笔")
        await desk_money.decide(ctx, member("wang"), order_id, approval, "approve", "")
        await two_people_match(house, item.subject, order_id)
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await sound(house)
