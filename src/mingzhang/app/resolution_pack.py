"""The resolution pack of this installation: sheets by `oversight.resolution`, and what only the whole house knows."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from importlib.metadata import version
from typing import IO, Any, Final
from urllib.parse import urlsplit

import asyncpg
import msgspec

from mingzhang.app.desk import Desk
from mingzhang.app.transparency import signer_of, witnesses_of
from mingzhang.oversight import licences, resolution
from mingzhang.oversight.resolution import FORMAT, SQL, Pack, Tell, write_sheets
from mingzhang.payments.register import list_terms
from mingzhang.transparency.digest import SQL as DIGESTS
from mingzhang.transparency.entry import canonical, utc
from mingzhang.transparency.notes import Note
from mingzhang.transparency.tree import SQL as LOG

README: Final = """明账处置资料包 / Mingzhang resolution pack

谁的钱在哪:owed.csv(按订单)、books.csv(按地点、单位、所有人)。
没了结的:open/ 下各表。银行账户与最新对账单:bank-accounts.csv。
每天的覆盖率与依据:coverage.json。规则各版:rules.json。资质:licences.json 与 licences/ 下的图片。
怎么联系:contacts.json。谁在管:people.csv。公开记录的最新签名状态:log/。
金额都是分。个人信息只有遮挡后的样子;原文在数据库里,用 MINGZHANG_SECRET_KEY 打开。
manifest.json 列出每一部分的 SHA-256(规范 JSON);manifest.note 是公开记录的密钥对它的签名。

Whose money is where: owed.csv (by order), books.csv (by place, party, owner).
What is open: the sheets under open/. Bank accounts and newest statements: bank-accounts.csv.
Coverage by day with its proof: coverage.json. Rules in every version: rules.json. Licences: licences.json, pictures
under licences/. How everybody is reached: contacts.json. Who works here: people.csv. The public record's newest signed
state: log/. Amounts are in fen. Personal data is masked; in clear it is in the database, sealed with MINGZHANG_SECRET_KEY.
manifest.json names the SHA-256 of each part (canonical JSON); manifest.note is the record's signature under it.
"""


async def write_pack(desk: Desk, file: IO[bytes], tell: Tell) -> bytes:
    """Write the whole pack, one snapshot of the books; returns the manifest."""
    now = desk.clock.now()
    pack = Pack(file)
    pack.add("README.txt", README.encode())
    async with desk.pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        await write_sheets(conn, pack, tell)
        for name, told in (
            ("coverage.json", await _rows(conn, SQL.list_coverage)),
            ("rules.json", await _rows(conn, SQL.list_rules)),
            ("contacts.json", await _contacts(desk, conn)),
        ):
            pack.add(name, _json(told))
            tell(name, len(told))
        tell("licences.json", await _licences(conn, pack))
        await _record(desk, conn, pack)
    manifest = canonical(
        {
            "format": FORMAT,
            "shop": desk.settings.shop_name,
            "base_url": desk.settings.base_url,
            "version": version("mingzhang"),
            "made_at": utc(now),
            "parts": sorted(pack.parts, key=lambda part: str(part["name"])),
        }
    )
    pack.close(manifest, sign_manifest(desk, manifest, now))
    return manifest


def sign_manifest(desk: Desk, manifest: bytes, now: datetime) -> str:
    """A signed note of three lines: form, time, hash. Its first line is no log's name, so it is no checkpoint."""
    digest = base64.b64encode(hashlib.sha256(manifest).digest()).decode()
    text = f"{FORMAT}\n{utc(now)}\n{digest}\n"
    return Note(text, (signer_of(desk.settings).sign(text),)).whole()


async def _rows(conn: asyncpg.Connection, statement: str) -> list[dict[str, Any]]:
    return [dict(row) for row in await conn.fetch(statement, timeout=resolution.TIMEOUT_S)]


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True, default=_plain).encode() + b"\n"


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(type(value).__name__)


async def _contacts(desk: Desk, conn: asyncpg.Connection) -> Mapping[str, Any]:
    """Who is dealt with, and how they are reached: hosts of the adapters, the registers' words. No key, no account of ours
    there."""
    terms = await list_terms(conn)
    known = await licences.list_licences(conn)
    settings, face = desk.settings, desk.shop.now.face
    hosts = {
        name: urlsplit(text).netloc
        for name, text in settings.adapters.items()
        if text.startswith(("http://", "https://"))
    }

    def told(kind: str, party: str) -> dict[str, Any]:
        return {
            "kind": kind,
            "party": party,
            "hosts": sorted({host for name, host in hosts.items() if name.startswith(f"{party}_")}),
            "contact": sorted({one.contact for one in known if one.party == party and one.contact}),
            "licensee": terms[party].licensee if party in terms else "",
        }

    return {
        "shop": {
            "name": face.name_zh or settings.shop_name,
            "support": face.support or settings.support,
            "address": face.address,
            "licence": face.licence,
            "icp": face.icp,
        },
        "parties": [
            *(told("channel", name) for name in sorted(desk.channels)),
            *(told("supplier", name) for name in sorted(desk.suppliers)),
            *(told("bank", name) for name in sorted(desk.ctx.banks)),
        ],
    }


async def _licences(conn: asyncpg.Connection, pack: Pack) -> int:
    known = await licences.list_licences(conn)
    pack.add("licences.json", _json([msgspec.structs.asdict(one) for one in known]))
    for proof in sorted({one.proof_sha256 for one in known if one.proof_sha256}):
        pack.add(f"licences/{proof.hex()}.jpg", await licences.read_picture(conn, proof.hex()))
    return len(known)


async def _record(desk: Desk, conn: asyncpg.Connection, pack: Pack) -> None:
    """The newest signed state with its cosignatures, the key, the witnesses', and how far digests go."""
    head = await conn.fetchrow(LOG.read_head)
    lines = [row["line"] for row in await conn.fetch(LOG.list_cosignatures, head["size"])] if head else []
    note = head["note"] + "".join(f"{line}\n" for line in lines) if head else ""
    pack.add("log/checkpoint", note.encode())
    pack.add("log/key", f"{signer_of(desk.settings).verifier.text()}\n".encode())
    pack.add("log/witnesses", "".join(f"{w.key.text()}\n" for w in witnesses_of(desk.settings)).encode())
    pack.add("log/digests.json", _json(await _rows(conn, DIGESTS.sum_spans)))
