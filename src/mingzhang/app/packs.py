"""Making an evidence pack: gather in one snapshot, list and sign, put the manifest on record, bind (R29, R32).

`make_pack` is what the order page, the staff page, the command and the wind-down call.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from importlib.resources import files
from typing import Any, Final

import asyncpg
import msgspec

from mingzhang.app.pack_list import read_sections
from mingzhang.app.pack_story import Story, read_story
from mingzhang.app.paper import set_paper
from mingzhang.app.settings import Settings
from mingzhang.app.transparency import signer_of, witnesses_of
from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.evidence.store import SQL as EVIDENCE
from mingzhang.kit.database import transaction
from mingzhang.kit.ids import bucket_of, new_id
from mingzhang.orders.context import Context
from mingzhang.packs import manifest as manifests
from mingzhang.packs.asked import Asked
from mingzhang.packs.messages import CHANNEL, SHOP, SUPPLIER, message_parts
from mingzhang.packs.model import Edition, Head, Part, Section
from mingzhang.packs.paper import PACK_TYP, pack_sheets
from mingzhang.packs.store import SQL, read_messages, read_secrets
from mingzhang.transparency import statements
from mingzhang.transparency.entry import canonical, utc
from mingzhang.transparency.receipt import list_logged, make_receipt
from mingzhang.transparency.tree import SQL as LOG

RECEIPTS_MAX: Final = 150
OWN: Final = ("shop", "staff")  # parties whose messages are our own word
WAIT_REAL_S: Final = 2.0
LOOK_REAL_S: Final = 0.1
NOTES_COUNTED: Final = 10_000
PROGRAM: Final = (files("mingzhang.transparency") / "verify_offline.py").read_bytes()
PAGE: Final = (files("mingzhang.transparency") / "verify_offline.html").read_bytes()


async def make_pack(
    ctx: Context,
    settings: Settings,
    order_id: str,
    edition: Edition,
    *,
    made_by: str = "buyer",
    to_buyer: bool = True,
    clear: bool = False,
    wait_s: float = WAIT_REAL_S,
) -> bytes:
    """The pack of one order as a zip. Raises `unknown_order`, `pack_too_large`.

    ``made_by``: on record, sealed; ``to_buyer``: nobody else receives it, so that the buyer's own words are in their
    edition; ``clear``: personal data unmasked, for whoever may see it; ``wait_s``: real seconds to wait until the
    manifest itself stands in the public record, so that the proof of it can lie in the zip.
    """
    signer = signer_of(settings)
    async with ctx.pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        now = ctx.now()
        story = await read_story(conn, settings, order_id, now)
        asked = Asked(
            conn=conn,
            order=story.order,
            edition=edition,
            vault=ctx.vault,
            now=now,
            clear=clear,
            own_words=clear or (to_buyer and edition is Edition.BUYER),
            word=story.view.w,
        )
        sections = [*story.sections, *await read_sections(asked)]
        listed, parts = await _messages(asked, ctx, story)
        parts += await _proofs(conn, settings, asked)
        health = await _health(conn, ctx, settings, now)
    sections.append(_message_section(listed))
    parts += [Part(f"{one.name}.json", canonical(one.data), one.title) for one in sections]
    parts += story.files
    head = Head(
        edition=edition,
        order_id=order_id,
        shop=story.shop,
        made_at=utc(now),
        collected=_collected(story, len(listed)),
        health=health,
        log_key=signer.verifier.text(),
    )
    parts.append(await asyncio.to_thread(_sheets, head, story, sections, parts))
    body = manifests.make_manifest(head, parts)
    note = manifests.sign_manifest(body, order_id, signer)
    subject = await _put_on_record(ctx, order_id, edition, made_by, body)
    receipt = await _await_record(ctx, settings, subject, bucket_of(order_id), wait_s)
    return await asyncio.to_thread(manifests.bind, parts, body, note, receipt)


async def _messages(asked: Asked, ctx: Context, story: Story) -> tuple[list[dict[str, Any]], list[Part]]:
    sides = (
        dict.fromkeys(OWN, SHOP)
        | dict.fromkeys(ctx.suppliers, SUPPLIER)
        | dict.fromkeys(ctx.channels, CHANNEL)
    )
    messages = await read_messages(asked.conn, asked.order, story.numbers, sides)
    secrets = [] if asked.clear else await read_secrets(asked.conn, asked.order, asked.vault)
    return message_parts(messages, asked.edition, asked.order.kind, secrets)


def _message_section(listed: Sequence[dict[str, Any]]) -> Section:
    return Section(
        name="messages",
        title="原始报文与指纹",
        data=list(listed),
        head=("文件", "来自或发往", "种类", "SHA-256", "说明"),
        rows=tuple(
            (
                one["file"] or "—",
                one["party"],
                one["kind"],
                one["sha256"],
                one["withheld"] or ("个人信息已遮盖" if one["masked"] else "原文"),
            )
            for one in listed
        ),
    )


async def _proofs(conn: asyncpg.Connection, settings: Settings, asked: Asked) -> list[Part]:
    """A receipt for each change of the order that is in the record; for auditors what is sealed in it, too."""
    signer = signer_of(settings)
    witnesses = [one.key for one in witnesses_of(settings)]
    parts = [
        Part("verify.py", PROGRAM, "离线核对程序（Python，不联网）"),
        Part("verify.html", PAGE, "离线核对网页（用浏览器打开，不联网）"),
    ]
    for logged in (await list_logged(conn, asked.order.order_id))[-RECEIPTS_MAX:]:
        receipt = await make_receipt(conn, logged, signer, witnesses)
        if receipt is None:
            continue
        seq = logged.change.shown["seq"]
        kinds = ", ".join(logged.change.shown["events"])
        parts.append(Part(f"receipts/{seq:05d}.json", receipt, f"公开记录的凭据 {kinds}".strip()))
        if asked.edition is Edition.AUDITOR:
            sealed = canonical(logged.change.sealed)
            parts.append(Part(f"sealed/{seq:05d}.json", sealed, "凭据中 sealed 的原文（仅审计版）"))
    return parts


async def _health(
    conn: asyncpg.Connection, ctx: Context, settings: Settings, now: datetime
) -> dict[str, Any]:
    """How the system stood at that moment (证据规定 93): what ran, what was late, what the last audit found."""
    schema = await conn.fetchrow(SQL.read_schema)
    head = await conn.fetchrow(LOG.read_head)
    waiting = await conn.fetchrow(EVIDENCE.read_waiting, NOTES_COUNTED)
    audit = await conn.fetchrow(SQL.read_last_audit)
    return {
        "version": version("mingzhang"),
        "database": (await conn.fetchval(SQL.read_server))[:40],
        "schema": f"{schema['number']:04d}_{schema['name']}" if schema else "",
        "clock": settings.clock.partition(":")[0],
        "log_size": head["size"] if head else 0,
        "log_signed_at": utc(head["at"]) if head else "",
        "log_waiting": waiting["notes"],
        "log_waiting_since": utc(waiting["oldest"]) if waiting["oldest"] else "",
        "last_audit_at": utc(audit["started_at"]) if audit else "",
        "last_audit_findings": audit["findings"] if audit else 0,
        "channels_not_answering": sorted(ctx.health.down(now)),
    }


def _sheets(head: Head, story: Story, sections: Sequence[Section], parts: Sequence[Part]) -> Part:
    """The pack on paper, with the hash of every other part."""
    listed = sorted(parts, key=lambda part: part.name)
    hashes = [hashlib.sha256(part.data).hexdigest() for part in listed]
    receipts = [msgspec.json.decode(part.data) for part in listed if part.name.startswith("receipts/")]
    said = story.view
    sentence = story.page.sentence
    verdict = said.holding(sentence).striptags() + said.sentence(sentence).striptags()
    sheets = pack_sheets(head, verdict, sections, receipts, listed, hashes)
    made_at = datetime.fromisoformat(head.made_at)
    return Part("pack.pdf", set_paper(PACK_TYP, sheets, made_at), "可阅读、可打印的全部内容（PDF）")


def _collected(story: Story, messages: int) -> dict[str, Any]:
    return {
        "how": "由系统自动从交易数据库的一个一致快照中读取，生成后未经人工修改；报文在收到时即按原样保存并计算指纹。",
        "ordinary_course": "各项记录都在交易发生时由系统随业务自动生成，不是为本凭证而作。",
        "host": story.host,
        "messages": messages,
        "time": "时间均为 UTC；纸面标注 UTC+8 的为北京时间。",
    }


async def _put_on_record(ctx: Context, order_id: str, edition: Edition, made_by: str, manifest: bytes) -> str:
    """Keep the manifest as evidence and have the public record told its hash; returns the subject there."""
    message = Message(
        party="shop",
        kind="pack.manifest",
        direction=Direction.OUT,
        standing=Standing.OWN,
        body=manifest,
        content_type="application/json",
    )
    now = ctx.now()
    subject = f"{statements.PACK}{new_id(now, ctx.rng)}"
    async with transaction(ctx.pool) as conn:
        evidence_id = await evidence.keep(conn, ctx.rng, now, message)
        data = {"order": order_id, "edition": edition.value, "by": made_by}
        await statements.state(conn, bucket_of(order_id), subject, "pack_made", evidence_id, now, data)
    return subject


async def _await_record(
    ctx: Context, settings: Settings, subject: str, bucket: int, wait_s: float
) -> bytes | None:
    """The receipt of the manifest, once the sequencer has come to it; None when it takes longer, or never began."""
    until = asyncio.get_running_loop().time() + wait_s
    while True:
        async with ctx.pool.acquire() as conn:
            if await conn.fetchrow(LOG.read_head) is None:
                return None
            logged = await list_logged(conn, subject, bucket)
            receipt = logged and await make_receipt(
                conn, logged[0], signer_of(settings), [one.key for one in witnesses_of(settings)]
            )
        if receipt:
            return receipt
        if asyncio.get_running_loop().time() >= until:
            return None
        await asyncio.sleep(LOOK_REAL_S)
