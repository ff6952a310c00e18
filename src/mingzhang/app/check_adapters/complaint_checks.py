"""What every channel that passes complaints on must do, whatever its wire; others are skipped (issue 7, R36)."""

from __future__ import annotations

import asyncio
import base64
import time
from datetime import timedelta
from typing import Any, Final

from mingzhang.app.check_adapters.channel_checks import CHANNEL, held, paid
from mingzhang.app.check_adapters.rig import WAIT_SECONDS, ChannelRig, new_order
from mingzhang.app.check_adapters.suite import Failed, Skipped, equal, holds
from mingzhang.evidence.messages import HttpMessage, Standing
from mingzhang.payments.channels.base import Outcome
from mingzhang.payments.channels.complaints import (
    ComplaintAnswer,
    ComplaintReply,
    Complaints,
    ComplaintState,
    HasComplaints,
    LineBy,
    TellsRefunds,
    Wish,
)

__all__ = ["CHANNEL"]  # the channels' suite with these checks in it

PHONE: Final = "13912345678"
WORDS: Final = '付了钱没有到账 卡}100 "x" & 50% = a+b'
# A JPEG of 64 × 64 grey pixels.
PICTURE: Final = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABQODxIPDRQSEBIXFRQYHjIhHhwcHj0sLiQySUBMS0dARkVQWnNiUFVtVkVGZIhlbXd7"
    "gYKBTmCNl4x9lnN+gXz/wAALCABAAEABAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAI"
    "AQEAAD8AAAAAAAAAAAAAAAAAAAAAAP/Z"
)


def desk(channel: Any) -> Complaints:
    """The channel's complaints; skipped where it has none."""
    if not isinstance(channel, HasComplaints):
        raise Skipped("this channel passes no complaints on")
    return channel.complaints


async def complained(rig: ChannelRig, order: str, **told: object) -> str:
    """A buyer pays and complains; the complaint's number."""
    desk(rig.channel)
    await paid(rig, order)
    body = {"out_trade_no": f"{order}P1", "words": WORDS, "phone": PHONE, **told}
    return str((await rig.world.tell("POST", "/complaints", body))["complaint"])


async def read(rig: ChannelRig, number: str) -> ComplaintAnswer:
    answer = await desk(rig.channel).read_complaint(number)
    equal(answer.outcome, Outcome.OK)
    holds(answer.complaint is not None)
    held(answer.messages, rig)
    return answer


async def told_there(rig: ChannelRig, order: str, kind: str) -> list[Any]:
    """The negotiation's lines of a kind, in the channel's own books."""
    rows = (await rig.world.tell("GET", f"/complaints?order={order}"))["complaints"]
    return [line for line in rows[0]["lines"] if line["kind"] == kind]


@CHANNEL.check
async def complaints_are_read_answered_and_settled(channel: ChannelRig) -> None:
    order, there = new_order(), desk(channel.channel)
    number = await complained(channel, order, kind="refund", images=1)
    first = await read(channel, number)
    seen = first.complaint
    assert seen is not None
    equal((seen.state, seen.wish, seen.payment_no), (ComplaintState.WAITING, Wish.REFUND, f"{order}P1"))
    equal((seen.phone, seen.amount_fen > 0, bool(seen.transaction_id)), (PHONE, True, True))
    holds(WORDS in seen.words)
    holds(seen.waits)
    holds(PHONE not in repr(first) and WORDS not in repr(first))
    equal([(line.by, line.opens) for line in first.lines], [(LineBy.BUYER, True)])

    image = await there.fetch_image(seen.images[0])
    equal((image.outcome, image.content[:4]), (Outcome.OK, b"\x89PNG"))
    for stranger in (
        "http://127.0.0.1:9/etc/passwd",
        "file:///etc/passwd",
        "https://example.com/a.png",
        "[x",
    ):
        equal((await there.fetch_image(stranger)).outcome, Outcome.REFUSED)

    uploaded = await there.upload_image(PICTURE)
    equal((uploaded.outcome, bool(uploaded.reference)), (Outcome.OK, True))
    sent = ComplaintReply(
        complaint_no=number, text="正在核实", images=(uploaded.reference,), state=seen.state
    )
    replied = await there.reply(sent)
    equal(replied.outcome, Outcome.OK)
    held(replied.messages, channel)
    lines = (await read(channel, number)).lines
    equal(
        [(line.by, line.text, len(line.images)) for line in lines if line.by is LineBy.SHOP],
        [(LineBy.SHOP, "正在核实", 1)],
    )

    if isinstance(there, TellsRefunds):
        equal((await there.tell_refund(number, approved=True, days=1, text="同意退款")).outcome, Outcome.OK)
    equal((await there.complete(number, "已原路退款")).outcome, Outcome.OK)
    last = (await read(channel, number)).complaint
    assert last is not None
    holds(last.state in (ComplaintState.ANSWERED, ComplaintState.DONE))
    equal((await there.complete(number, "已原路退款")).outcome, Outcome.REFUSED)
    await _listed(channel, number)


async def _listed(rig: ChannelRig, number: str) -> None:
    """The list has it, once, on whatever page."""
    there, now = desk(rig.channel), rig.clock.now()
    found, page = [], 1
    while page < 20:
        answer = await there.list_complaints(now - timedelta(days=2), now + timedelta(hours=1), page)
        equal(answer.outcome, Outcome.OK)
        found += [each.complaint_no for each in answer.complaints]
        if not answer.more:
            break
        page += 1
    equal(found.count(number), 1)
    equal((await there.read_complaint("999")).outcome, Outcome.REFUSED)


@CHANNEL.check
async def complaint_notifies_are_verified_and_lost_answers_looked_up(channel: ChannelRig) -> None:
    there = desk(channel.channel)
    await asyncio.gather(
        _notified(channel),
        _unanswered(channel, "complaint_reply_timeout", 1),
        _unanswered(channel, "complaint_reply_lost", 0),
    )
    reply = ComplaintReply(complaint_no="999", text="请稍等")
    equal((await desk(channel.unreachable).reply(reply)).outcome, Outcome.NOT_SENT)
    equal((await there.reply(reply)).outcome, Outcome.REFUSED)


async def _notified(channel: ChannelRig) -> None:
    there = desk(channel.channel)
    equal((await there.subscribe(channel.inbox.url)).outcome, Outcome.OK)
    number = await complained(channel, new_order())

    def about(message: HttpMessage) -> bool:
        return there.read_notify(message).complaint_no == number

    came = await channel.inbox.until(about)
    news = there.read_notify(came)
    equal((news.refusal, news.message.standing), ("", Standing.VERIFIED))
    changed = HttpMessage(
        method="POST", query="", headers=came.headers, body=came.body.replace(b"0", b"1", 1)
    )
    wrong = there.read_notify(changed)
    equal((wrong.message.standing, wrong.complaint_no), (Standing.FORGED, ""))
    holds(there.read_notify(HttpMessage(method="POST", query="", headers={}, body=b"{}")).refusal != "")
    stranger = desk(channel.stranger).read_notify(came)
    holds(stranger.refusal != "" and stranger.message.standing is not Standing.VERIFIED)


async def _unanswered(rig: ChannelRig, fault: str, arrived: int) -> None:
    order = new_order()
    await rig.world.fault(order, rig.party, fault)
    number = await complained(rig, order)
    reply = ComplaintReply(complaint_no=number, text="请稍等")
    equal((await desk(rig.hasty).reply(reply)).outcome, Outcome.UNKNOWN)
    deadline = time.monotonic() + WAIT_SECONDS
    while len(await told_there(rig, order, "replied")) < arrived:
        if time.monotonic() > deadline:
            raise Failed("the reply never arrived")
        await asyncio.sleep(0.02)
    shop = [line for line in (await read(rig, number)).lines if line.by is LineBy.SHOP]
    equal(len(shop), arrived)
