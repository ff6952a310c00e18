"""Every kind of dispute over real HTTP: settled, the shop silent, the buyer silent, a channel that races the refund (R34).

One house plays a scene for all eight kinds; the outside books are compared at each scene's end.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from dispute_court import BACK, PHONE, PRICES, Court, court_of, delivered_twice, given_back, kept, until

from mingzhang.disputes.chargeback import tell_chargeback
from mingzhang.disputes.states import KINDS
from mingzhang.evidence.messages import Direction, Message, Standing

pytestmark = pytest.mark.long
STAGES: Final = ("first", "solution", "final")
TERMS_H: Final = {"first": 12, "solution": 24, "final": 72}
AGAIN: Final = frozenset({"card_invalid", "reversed"})
"""Kinds whose buyers ask for a second delivery in the settled scene (R35)."""


async def test_each_kind_is_settled_as_its_buyer_wished(database_url: str, tmp_path: Path) -> None:
    """Answered, decided by two, carried out: a refund or a second delivery; what had gone back goes back no more."""
    async with court_of(database_url, tmp_path) as court:
        await court.complain(lambda kind: "resupply" if kind in AGAIN else "refund")
        for kind in KINDS:
            await court.say(kind, "已收到，正在核实")
            assert (await court.read(kind)).first_at is not None
            if kind == BACK:
                assert await court.propose(kind, "refund") == 409
                assert (await court.buyer(kind, "/1/decision", word="arrived"))[0] == 200
                continue
            assert await court.propose(kind, "resupply" if kind in AGAIN else "refund") == 303, kind
            assert await court.approve(kind) == 303, kind
        for kind in KINDS:
            paid, _ = PRICES.get(kind, PHONE)
            if kind in AGAIN:
                row = await court.ends(kind, "resupplied", delivered_twice(kind), 0)
            else:
                outcome = "delivered" if kind == BACK else "refunded"
                row = await court.ends(kind, outcome, given_back(kind), paid)
            assert (row.missed, await court.breaches(kind)) == ([], []), kind
        assert await court.public() == 0
        await court.sound()


async def test_a_silent_shop_is_late_to_the_second_and_the_policy_gives_back(
    database_url: str, tmp_path: Path
) -> None:
    """What went back already stays with a person, whose every further day is a breach of its own."""
    async with court_of(database_url, tmp_path, steps=tmp_path / "ahead") as court:
        await court.complain()
        await court.house.stop_worker()
        for kind in KINDS:
            await _late_to_the_second(court, kind)
        row = await court.read(BACK)
        another = row.opened_at + timedelta(hours=96)
        assert (row.state, row.next_actor, row.due_at, row.deadline_at) == (
            "open",
            "person",
            another,
            another,
        )
        assert await court.refunds(BACK) == [("arrived", PHONE[0])]
        await court.house.step(73 * 3600)
        court.house.start_worker()
        for kind in KINDS:
            if kind != BACK:
                row = await court.ends(kind, "refunded", given_back(kind), PRICES.get(kind, PHONE)[0])
                assert row.missed == list(STAGES)

        async def public() -> bool | None:
            return await court.public() == len(STAGES) * len(KINDS) or None

        assert await until(public, "the public count")
        await court.sound()


async def _late_to_the_second(court: Court, kind: str) -> None:
    opened = (await court.read(kind)).opened_at
    moments = {stage: opened + timedelta(hours=hours) for stage, hours in TERMS_H.items()}
    row = await court.read(kind)
    assert (row.first_by, row.solution_by, row.final_by) == tuple(moments.values())
    for n, (stage, moment) in enumerate(moments.items(), 1):
        row = await court.at(kind, moment - timedelta(seconds=1))
        assert (row.missed, row.deadline_at) == (list(STAGES[: n - 1]), moment)
        row = await court.at(kind, moment)
        assert (row.missed, row.deadline_at != moment) == (list(STAGES[:n]), True)
        assert await court.refunds(kind) == [] or stage == "final" or kind == BACK
    assert await court.breaches(kind) == [(stage, moment, moment) for stage, moment in moments.items()]
    if kind != BACK:
        paid, _ = PRICES.get(kind, PHONE)
        assert (row.state, row.next_actor, row.remedy, row.amount_fen) == (
            "remedy",
            "channel",
            "refund",
            paid,
        )
        assert await court.places(kind) == kept(kind)  # let go, and on its way


async def test_a_silent_buyer_ends_it_and_nothing_moves(database_url: str, tmp_path: Path) -> None:
    async with court_of(database_url, tmp_path) as court:
        await court.complain()
        for kind in KINDS:
            await court.say(kind, "请发截图", do="ask")
        await court.house.stop_worker()
        for kind in KINDS:
            asked = await court.read(kind)
            end = asked.deadline_at
            assert end is not None
            assert asked.paused_at is not None
            assert end == asked.paused_at + timedelta(hours=72)
            assert (await court.at(kind, end - timedelta(seconds=1))).state == "asked"
            assert (await court.at(kind, end)).state == "closed"
            row = await court.ends(kind, "lapsed", kept(kind), PHONE[0] if kind == BACK else 0)
            assert (row.missed, await court.breaches(kind)) == ([], [])
            assert await court.breaches(kind, "buyer") == [("asked", end, end)]
        assert await court.public() == 0
        await court.sound()


@pytest.mark.parametrize("first", ["chargeback", "refund"])
async def test_a_chargeback_races_the_refund(database_url: str, tmp_path: Path, first: str) -> None:
    """Row 22: whichever comes first, the payer has the money once; the channel itself takes nothing that is gone."""
    async with court_of(database_url, tmp_path) as court:
        await court.complain()
        agreed = [kind for kind in KINDS if kind != BACK]
        if first == "chargeback":
            await court.house.stop_worker()
        for kind in agreed:
            assert await court.propose(kind, "refund") == 303
            assert await court.approve(kind) == 303
        if first == "refund":
            for kind in agreed:
                await court.closed(kind)
        for kind in KINDS:
            assert await take_back(court, kind) == (first == "chargeback" and kind != BACK)
        if first == "chargeback":
            await court.pool.execute("UPDATE refund SET due_at = deadline_at WHERE state = 'ready'")
            court.house.start_worker()  # the facts come first
        for kind in agreed:
            paid, _ = PRICES.get(kind, PHONE)
            if first == "refund":
                await court.ends(kind, "refunded", given_back(kind), paid)
            else:
                await court.ends(kind, "charged_back", given_back(kind, "refund.chargeback"), paid)
        assert await court.refunds(BACK) == [("arrived", PHONE[0])]
        assert (
            await court.read(BACK)
        ).state == "open"  # a refund does not answer who says that it did not arrive
        await court.sound()


async def take_back(court: Court, kind: str) -> bool:
    """The channel takes all that is left, and says so twice; false where nothing is left."""
    house, order_id = court.house, court.orders[kind]
    url = f"{house.desk.settings.control_url}/alipay/take-back"
    async with house.http.post(url, json={"out_trade_no": f"{order_id}P1"}) as answer:
        if answer.status == 409:
            return False
        told = await answer.json()
    word = Message(
        party="alipay",
        kind="alipay.chargeback",
        direction=Direction.IN,
        standing=Standing.ANSWER,
        body=f"{told['number']} {told['fen']}".encode(),
    )
    for expected in ("new", "same"):
        said = await tell_chargeback(house.desk.ctx, "alipay", order_id, told["number"], told["fen"], [word])
        assert said == expected
    return True
