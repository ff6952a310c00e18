"""A complaint at the channel races the refund, in every kind of dispute: one case, one refund, two ends (R34, R36).

It comes before two people agree, while the refund is on its way, or after it arrived. The complainant is the buyer who has a
dispute here already; who complains at the channel alone is in tests/property/test_complaint_binding.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest
from dispute_court import BACK, PHONE, PRICES, Court, court_of, given_back, until

from mingzhang.disputes import store
from mingzhang.disputes.states import KINDS

pytestmark = pytest.mark.long
ENDED: Final = {"wechat": "PROCESSED", "alipay": "MERCHANT_FEEDBACKED"}
READ: Final = "SELECT dispute_id FROM complaint WHERE complaint_no = $1 AND dispute_id <> ''"


async def before(court: Court) -> dict[str, str]:
    """The complaint joins the open case; then two people agree."""
    numbers = {kind: await _complain_there(court, kind) for kind in KINDS}
    for kind in KINDS:
        await until(lambda kind=kind: court.pool.fetchval(READ, numbers[kind]), f"{kind} is bound")
        await _agree(court, kind)
    return numbers


async def during(court: Court) -> dict[str, str]:
    """The worker finds both at once: a refund that is planned, and a complaint that nobody read."""
    await court.house.stop_worker()
    for kind in KINDS:
        await _agree(court, kind)
    numbers = {kind: await _complain_there(court, kind) for kind in KINDS}
    court.house.start_worker()
    return numbers


async def after(court: Court) -> dict[str, str]:
    """The refund has arrived, and the case is at its end."""
    for kind in KINDS:
        await _agree(court, kind)
    for kind in KINDS:
        await court.closed(kind)
    return {kind: await _complain_there(court, kind) for kind in KINDS}


@pytest.mark.parametrize("channel", ["wechat", "alipay"])
@pytest.mark.parametrize("when", [before, during, after])
async def test_a_complaint_at_the_channel_races_the_refund(
    database_url: str, tmp_path: Path, channel: str, when: Callable[[Court], Awaitable[dict[str, str]]]
) -> None:
    async with court_of(database_url, tmp_path, channel, speed=120.0) as court:
        await court.complain()
        numbers = await when(court)
        for kind in KINDS:
            await _ends_on_both_sides(court, kind, numbers[kind], late=when is after)
        await court.sound()


async def _agree(court: Court, kind: str) -> None:
    """Two people give it back; who has it already is told so, and says that it came."""
    if kind == BACK:
        await court.say(kind, "款项已原路退回")
        assert (await court.buyer(kind, "/1/decision", word="arrived"))[0] == 200
        return
    assert await court.propose(kind, "refund") == 303, kind
    assert await court.approve(kind) == 303, kind


async def _complain_there(court: Court, kind: str) -> str:
    body = {"out_trade_no": f"{court.orders[kind]}P1", "kind": "refund", "words": "没到"}
    return str((await court.house.world.tell("POST", "/complaints", body))["complaint"])


async def _ends_on_both_sides(court: Court, kind: str, number: str, *, late: bool) -> None:
    order_id, told = court.orders[kind], f"{court.channel} {kind}"

    async def there() -> list[str] | None:
        (row,) = (await court.house.world.tell("GET", f"/complaints?order={order_id}"))["complaints"]
        return [line["text"] for line in row["lines"]] if row["state"] == ENDED[court.channel] else None

    lines: list[Any] = await until(there, f"{told}: the complaint ends there")
    async with court.pool.acquire() as conn:
        cases = await store.list_disputes(conn, order_id)
    outcome = "delivered" if kind == BACK else "refunded"
    assert [(case.kind, case.state, case.outcome) for case in cases] == [(kind, "closed", outcome)], told
    assert cases[0].complaint_no == number, told
    if late:
        assert any(f"{order_id}R1" in line for line in lines), told
    paid, _ = PRICES.get(kind, PHONE)
    assert await court.places(kind) == given_back(kind), told
    assert (await court.refunds(kind), await court.outside_fen(kind)) == ([("arrived", paid)], paid), told
