"""Both ways: the channel's lines into the case, the shop's answers to the channel (R34, F14, F16).

What is said to the channel is a row with its words before the first call. An answer that never came is looked for in the
channel's negotiation; a reply bears no number there, so the words are it. A refund is the platform's own, made once and
elsewhere: here the channel is only told of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import asyncpg

from mingzhang.complaints import states, store, words
from mingzhang.complaints.read import sealed
from mingzhang.complaints.store import SQL, Act, LineRow, Row
from mingzhang.disputes import flow as disputes
from mingzhang.disputes.belongs import gives_back
from mingzhang.disputes.case import Said
from mingzhang.disputes.states import TEXT_MAX
from mingzhang.disputes.store import Dispute, Message, list_messages, read_dispute
from mingzhang.evidence import store as evidence
from mingzhang.kit import attachments
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Problem
from mingzhang.orders.context import Context
from mingzhang.payments.channels.base import Outcome
from mingzhang.payments.channels.complaints import (
    COMPLETE,
    REFUND,
    ActAnswer,
    ComplaintReply,
    Complaints,
    ComplaintState,
    TellsRefunds,
    Wish,
)
from mingzhang.refunds.flow import NOTHING_GOES
from mingzhang.refunds.store import list_refunds

SPOKEN = frozenset({"text", "asked", "declined"})
DEEDS = frozenset({REFUND, COMPLETE})
END = {Outcome.OK: "sent", Outcome.REFUSED: "refused", Outcome.UNKNOWN: "unknown", Outcome.NOT_SENT: "intent"}


def external_id(row: Row, line_id: str) -> str:
    """How a line of the negotiation is known in the case."""
    return f"{row.channel}:{row.complaint_no}:{line_id}"


async def settle_acts(ctx: Context, row: Row, lines: Sequence[LineRow]) -> datetime | None:
    """Hold what we did against what the channel shows; returns when our first reply stood there.

    Shown there: sent. Not shown although it was read long enough afterwards: to be done again, `TRIES_MAX` times.
    """
    async with transaction(ctx.pool) as conn:
        acts = await store.list_acts(conn, row)
        free = [
            line for line in lines if line.speaker == "shop" and line.line_id not in {a.line_id for a in acts}
        ]
        for act in acts:
            line = _shown(ctx, act, free)
            if line is not None:
                free.remove(line)
                await _set(conn, row, act, "sent", ctx.now())
                await conn.execute(SQL.set_act_line, row.channel, row.complaint_no, act.key, line.line_id)
                await conn.execute(SQL.set_poured, row.channel, row.complaint_no, line.line_id)
            elif act.state in ("sending", "unknown"):
                await _judge(ctx, conn, row, act)
        shown = [line.at for line in lines if line.speaker == "shop"]
        return min(shown, default=None)


def _shown(ctx: Context, act: Act, free: Sequence[LineRow]) -> LineRow | None:
    """The line that is this act: by its deed where the channel marks it, else by its words, whatever became of blanks."""
    if act.line_id or act.state in ("refused", "dropped") or act.asked_at is None or not act.text_enc:
        return None
    text, since = _bare(ctx.vault.open(act.text_enc)), act.planned_at - timedelta(minutes=1)
    for line in free:
        said = _bare(ctx.vault.open(line.text_enc)) if line.text_enc else ""
        same = line.word == act.act if line.word in DEEDS else said == text
        if line.at >= since and same:
            return line
    return None


def _bare(text: str) -> str:
    return "".join(text.split())


async def _judge(ctx: Context, conn: asyncpg.Connection, row: Row, act: Act) -> None:
    """An act without an answer, which the negotiation does not show by its words."""
    if act.act != "reply" and row.state in (ComplaintState.DONE, ComplaintState.WITHDRAWN):
        await _set(conn, row, act, "sent", ctx.now(), code="seen")
    elif act.asked_at is not None and row.read_at is not None:
        sure = row.read_at >= act.asked_at + timedelta(seconds=states.SURE_AFTER_S)
        if sure and act.asked >= states.TRIES_MAX:
            await _set(conn, row, act, "refused", ctx.now(), code="never_arrived")
        elif sure:
            await _set(conn, row, act, "intent", None, code="not_shown")
        elif act.state == "sending":
            await _set(conn, row, act, "unknown", None)


async def pour(ctx: Context, desk: Complaints, row: Row, lines: Sequence[LineRow]) -> None:
    """Put what the channel's people and the complainant said since into the case, with its pictures."""
    for line in lines:
        if line.poured or (line.opens and not row.images and not line.images):
            continue
        images = line.images or (row.images if line.opens else [])
        text = "" if line.opens or not line.text_enc else ctx.vault.open(line.text_enc)
        if (text or images) and line.word not in DEEDS:
            pictures, whole = await _fetched(desk, images)
            if not whole and ctx.now() < line.known_at + timedelta(seconds=states.PICTURES_S):
                return  # the next visit tries again: what follows waits, so that the order stays
            await _say(ctx, row, line, text, pictures)
        async with transaction(ctx.pool) as conn:
            await conn.execute(SQL.set_poured, row.channel, row.complaint_no, line.line_id)


async def _say(ctx: Context, row: Row, line: LineRow, text: str, pictures: tuple[bytes, ...]) -> None:
    said = Said(
        speaker=line.speaker,
        text=text[:TEXT_MAX] or ("" if pictures else "（图片无法读取）"),
        external_id=external_id(row, line.line_id),
        attachments=pictures,
    )
    try:
        await disputes.add_message(ctx, row.dispute_id, said)
    except Problem as problem:
        if problem.code == "dispute_closed" and line.speaker == "buyer":
            with suppress(
                Problem
            ):  # a full conversation takes no more; the line stands in the complaint's own
                await _after_the_end(ctx, row, line, said)


async def _after_the_end(ctx: Context, row: Row, line: LineRow, said: Said) -> None:
    """What the complainant said before the money was back is answered by it; what follows reopens the case."""
    async with ctx.pool.acquire() as conn:
        case = await read_dispute(conn, row.dispute_id)
    answered = gives_back(case) and case.closed_at is not None and line.at <= case.closed_at
    if line.opens or answered:
        await disputes.add_message(ctx, row.dispute_id, said, late=True)
    elif store.is_open(row):
        # Once; after that it is on the work list (`store.list_gone_on`).
        await disputes.reopen(ctx, row.dispute_id, said.text or "（图片）")


async def let_go(ctx: Context, row: Row, case: Dispute) -> bool:
    """The complaint was taken back there: the case that it alone opened ends here, unless a remedy is under way."""
    if (
        row.state != ComplaintState.WITHDRAWN
        or case.source != "channel"
        or case.state in ("remedy", "closed")
    ):
        return False
    try:
        await disputes.withdraw(ctx, case.dispute_id, speaker="channel")
    except Problem:
        return False
    return True


async def _fetched(desk: Complaints, images: Sequence[str]) -> tuple[tuple[bytes, ...], bool]:
    """Pictures drawn anew, what is none left out; and whether all that is there was fetched."""
    drawn: list[bytes] = []
    whole = True
    for reference in images[: attachments.COUNT_MAX]:
        answer = await desk.fetch_image(reference)
        if answer.outcome is not Outcome.OK:
            whole = whole and answer.outcome is Outcome.REFUSED
            continue
        try:
            drawn += await attachments.draw_all([answer.content])
        except Problem:
            continue
    return tuple(drawn), whole


async def plan(ctx: Context, desk: Complaints, row: Row, case: Dispute) -> int:
    """Write down what is to be said and done there since the case was last looked at; returns the last message's number."""
    async with transaction(ctx.pool) as conn:
        messages = await list_messages(conn, case.dispute_id, row.sent_to)
        for message in messages:
            await _plan_message(ctx, conn, desk, row, message)
        if store.is_open(row):
            await _plan_refund(ctx, conn, desk, row, case)
            await _plan_end(ctx, conn, desk, row, case)
    return max((message.n for message in messages), default=row.sent_to)


async def _plan_message(
    ctx: Context, conn: asyncpg.Connection, desk: Complaints, row: Row, message: Message
) -> None:
    if message.speaker != "shop" or message.external_id:
        return
    text = ctx.vault.open(message.text_enc) if message.text_enc else ""
    if message.kind == "offered":
        text = f"{text}\n{words.offered(message.remedy, message.amount_fen)}".strip()
    elif message.kind not in SPOKEN:
        return
    if not text and message.files:
        text = "见图片。"
    for n, part in enumerate(words.parts(text, desk.terms.reply_max)):
        files = message.files[: desk.terms.images_max] if n == 0 else []
        await _insert(ctx, conn, row, f"m{message.n}.{n}", "reply", part, files)


async def _plan_refund(
    ctx: Context, conn: asyncpg.Connection, desk: Complaints, row: Row, case: Dispute
) -> None:
    """Tell of the platform's own refund once it is planned, or that there will be none.

    Not of what arrived before the complaint, or before its case was reopened.
    """
    since = row.made_at if case.round == 1 else case.round_at
    refunds = [
        each
        for each in await list_refunds(conn, row.order_id)
        if each.state not in NOTHING_GOES
        and (each.arrived_at is None or since is None or each.arrived_at >= since)
    ]
    key = f"refund{case.round}"
    tells = isinstance(desk, TellsRefunds) and row.wish == Wish.REFUND
    if refunds:
        text = words.refunding(refunds)
        await _insert(ctx, conn, row, key, "refund" if tells else "reply", text, approved=True)
    elif tells and case.state == "closed" and case.outcome == "declined":
        await _insert(ctx, conn, row, key, "refund", words.OUTCOMES["declined"])


async def _plan_end(
    ctx: Context, conn: asyncpg.Connection, desk: Complaints, row: Row, case: Dispute
) -> None:
    """The case is at an end: say how, then tell the channel that it is settled."""
    if case.state != "closed":
        return
    text = words.ended(case, await list_refunds(conn, row.order_id))
    if row.state == ComplaintState.WAITING and isinstance(desk, TellsRefunds):
        await _insert(ctx, conn, row, f"end{case.round}", "reply", text)
    await _insert(ctx, conn, row, f"complete{case.round}", "complete", text)


async def plan_reply(ctx: Context, desk: Complaints, row: Row, text: str, seen: int = 0) -> None:
    """A member of staff answers a complaint that belongs to no case, or went on after its case's end: then the answer
    ends it there anew.

    ``seen``: how many acts the page showed on which it was written. The same page sent twice is one answer; of two people
    who write on the same page both are told.
    """
    parts = words.parts(text, desk.terms.reply_max)
    async with transaction(ctx.pool) as conn:
        # Two at once would give both texts one key, and one of them would be lost.
        await conn.fetchval(SQL.read_complaint_lease, row.channel, row.complaint_no)
        while before := await conn.fetch(SQL.list_act_texts, row.channel, row.complaint_no, f"s{seen}"):
            if [ctx.vault.open(each["text_enc"]) for each in before] == parts:
                return
            seen += 1
        for part_no, part in enumerate(parts):
            await _insert(ctx, conn, row, f"s{seen}.{part_no}", "reply", part)
        if row.dispute_id:
            await _insert(ctx, conn, row, f"e{seen}", "complete", parts[-1])
        await conn.execute(SQL.hear_complaint, row.channel, row.complaint_no, ctx.now())


async def _insert(
    ctx: Context,
    conn: asyncpg.Connection,
    row: Row,
    key: str,
    act: str,
    text: str,
    files: Sequence[str] = (),
    *,
    approved: bool = False,
) -> None:
    sealed_text, now = ctx.vault.seal(text), ctx.now()
    await conn.execute(
        SQL.insert_act, row.channel, row.complaint_no, key, act, sealed_text, list(files), approved, now
    )


async def carry_out(ctx: Context, desk: Complaints, row: Row) -> bool:
    """Do what is to be done there, in order; whether something is left. What follows an unknown waits for it."""
    async with ctx.pool.acquire() as conn:
        acts = await store.list_acts(conn, row)
    for act in acts:
        if act.ended_at is not None:
            continue
        if act.state != "intent":
            return True
        if row.state in states.OVER and act.act != "reply":
            await _drop(ctx, row, act)
            continue
        if not await _one(ctx, desk, row, act):
            return True
    return False


async def _drop(ctx: Context, row: Row, act: Act) -> None:
    async with transaction(ctx.pool) as conn:
        await _set(conn, row, act, "dropped", ctx.now(), code="over_there")


async def _one(ctx: Context, desk: Complaints, row: Row, act: Act) -> bool:
    """Intent, commit, call, outcome; whether it came to an end."""
    async with transaction(ctx.pool) as conn:
        begun = await conn.fetchval(SQL.set_act_sending, row.channel, row.complaint_no, act.key, ctx.now())
    if begun is None:
        return False
    ctx.crash_point("intent_to_call")
    answer = await _call(ctx, desk, row, act)
    ctx.crash_point("call_to_outcome")
    state = END[answer.outcome]
    async with transaction(ctx.pool) as conn:
        now = ctx.now()
        evidence_id = await evidence.keep_all(conn, ctx.rng, now, sealed(ctx.vault, answer.messages))
        ended = now if state in ("sent", "refused") else None
        await _set(conn, row, act, state, ended, code=answer.code[:64], evidence_id=evidence_id)
    return ended is not None


async def _call(ctx: Context, desk: Complaints, row: Row, act: Act) -> ActAnswer:
    text = ctx.vault.open(act.text_enc)
    if act.act == "complete":
        return await desk.complete(row.complaint_no, text)
    if act.act == "refund" and isinstance(desk, TellsRefunds):
        return await desk.tell_refund(row.complaint_no, approved=act.approved, days=0, text=text)
    images = []
    for file in act.files:
        async with ctx.pool.acquire() as conn:
            jpeg = await attachments.read(
                conn, ctx.vault, bucket=row.bucket, owner=row.dispute_id, attachment_id=file
            )
        uploaded = await desk.upload_image(jpeg)
        if uploaded.outcome is not Outcome.OK:
            # The reply itself was not sent, whatever became of the picture.
            return ActAnswer(outcome=Outcome.NOT_SENT, code=uploaded.code, messages=uploaded.messages)
        images.append(uploaded.reference)
    reply = ComplaintReply(
        complaint_no=row.complaint_no, text=text, images=images, state=ComplaintState(row.state)
    )
    return await desk.reply(reply)


async def _set(
    conn: asyncpg.Connection,
    row: Row,
    act: Act,
    state: str,
    ended: datetime | None,
    *,
    code: str = "",
    evidence_id: str = "",
) -> None:
    await conn.execute(SQL.set_act, row.channel, row.complaint_no, act.key, state, code, ended, evidence_id)
