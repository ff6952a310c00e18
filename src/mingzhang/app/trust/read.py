"""Reads what the trust page says. Every question is bounded: roll-ups by day, the newest rows, never all orders."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Final

import asyncpg

from mingzhang.app.console.arithmetic import percentile
from mingzhang.app.console.fill import ARRIVED
from mingzhang.app.desk import Desk
from mingzhang.app.desk_custody import ratio_text
from mingzhang.app.desk_papers import subject_of
from mingzhang.app.transparency import signer_of, witnesses_of
from mingzhang.app.trust.licences import read_licences
from mingzhang.catalogue.papers import list_papers, read_paper
from mingzhang.catalogue.terms import KINDS, Paper, Piece, compare, in_force
from mingzhang.custody.store import list_accounts
from mingzhang.disputes.store import public_counts
from mingzhang.kit.beijing import BEIJING
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.sql import load
from mingzhang.orders.store import SQL as ORDERS
from mingzhang.settlement.coverage import SQL as COVERAGE
from mingzhang.settlement.coverage import WHOLE_PPM
from mingzhang.transparency.liabilities import SQL as LIABILITIES
from mingzhang.transparency.receipt import list_logged
from mingzhang.transparency.statements import SHOPS_BUCKET
from mingzhang.transparency.tree import SQL as LOG
from mingzhang.web.model_trust import (
    BreachCount,
    CoverageDay,
    DayProof,
    DisputesTold,
    OwedDay,
    PaperPage,
    PaperVersion,
    ProofRow,
    Service,
    SignedState,
    SupplierSeen,
    TrustPage,
)

SQL: Final = load("mingzhang.app.trust", "trust")
SERVICE_DAYS: Final = 30
BREACH_DAYS: Final = 90
BREACHES_MAX: Final = 20_000
REFUNDS_MAX: Final = 500
COVERAGE_DAYS: Final = 30
OWED_DAYS: Final = 7
REFUSED: Final = ("supplier_refused", "supplier_reversed")
OWNERS_OWED: Final = frozenset({"o", "S"})


async def read_trust(desk: Desk) -> TrustPage:
    """The whole page, out of one connection."""
    now, face = desk.clock.now(), desk.shop.now.face
    async with desk.pool.acquire() as conn:
        live = await conn.fetchrow(COVERAGE.read_now)
        days = await conn.fetch(COVERAGE.list_days, COVERAGE_DAYS)
        return TrustPage(
            made_at=now,
            custody=custody_kind({account.kind for account in await list_accounts(conn)}),
            coverage=ratio_text(live["ratio_ppm"]) if live else "",
            short=bool(live and live["short_since"]),
            new_money_fen=live["new_money_fen"] if live else 0,
            looked_at=live["looked_at"] if live else None,
            days=tuple(_day(row) for row in days),
            suppliers=await _suppliers(conn),
            service=await _service(conn, now),
            breach_days=BREACH_DAYS,
            breaches=await _breaches(conn, now),
            disputes=await _disputes(conn, now),
            papers=versions_of(await list_papers(conn), now),
            licences=await read_licences(conn, now),
            owed=tuple(_owed(row) for row in await conn.fetch(LIABILITIES.list_days, OWED_DAYS, None)),
            record=await _record(conn, desk),
            licence=face.licence,
            icp=face.icp,
            address=face.address,
        )


def custody_kind(kinds: set[str]) -> str:
    """What the shop's accounts are together: custody only when every one is."""
    if not kinds:
        return "none"
    return "custody" if kinds == {"custody"} else "self"


def _day(row: asyncpg.Record) -> CoverageDay:
    return CoverageDay(
        day=str(row["day"]),
        coverage=ratio_text(row["ratio_ppm"]),
        covered_fen=row["covered_fen"],
        owed_fen=row["owed_fen"],
        new_money_fen=row["new_money_fen"],
    )


def _owed(row: asyncpg.Record) -> OwedDay:
    return OwedDay(
        day=str(row["day"]),
        total_fen=row["total_fen"],
        leaves=row["leaves"],
        root=row["root"].hex(),
        standing=row["standing"],
        statement_url=f"/trust/owed/{row['day']}",
    )


async def read_day(desk: Desk, day: date) -> DayProof:
    """A closed day with its proof. What is the shop's own (float, its claims, margin) is one sum, and accounts are not
    named. Raises `unknown_day`."""
    async with desk.pool.acquire() as conn:
        found = await conn.fetchrow(COVERAGE.read_day, day)
        if found is None:
            raise Problem("unknown_day", Kind.NOT_FOUND)
        owed = await conn.fetchrow(LIABILITIES.list_days, 1, day)
        cited = {row["evidence_id"] for row in found["proof"]["rows"]} - {""}
        digests = {
            row["evidence_id"]: row["sha256"].hex() for row in await conn.fetch(LOG.read_digests, list(cited))
        }
    rows: list[ProofRow] = []
    shops = 0
    for row in found["proof"]["rows"]:
        if row["kind"] == "owner" and row["what"] not in OWNERS_OWED:
            shops += row["fen"]
            continue
        kind = "owed" if row["kind"] == "owner" else row["kind"]
        rows.append(
            ProofRow(
                kind=kind, party=row["party"], fen=row["fen"], sha256=digests.get(row["evidence_id"], "")
            )
        )
    before = [row for row in rows if row.kind != "owed"]
    after = [row for row in rows if row.kind == "owed"]
    return DayProof(
        day=_day(found),
        rows=(*before, ProofRow(kind="shops", party="", fen=shops), *after),
        owed=None if owed is None else _owed(owed),
    )


async def _suppliers(conn: asyncpg.Connection) -> tuple[SupplierSeen, ...]:
    rows = await conn.fetch(SQL.list_supplied, [*ARRIVED, *REFUSED])
    told: dict[str, list[asyncpg.Record]] = defaultdict(list)
    for row in rows:
        told[row["supplier"]].append(row)
    found = []
    for supplier, ends in told.items():
        arrived = [row for row in ends if row["outcome"] in ARRIVED]
        found.append(
            SupplierSeen(
                supplier=supplier,
                delivered=sum(row["n"] for row in arrived),
                refused=sum(row["n"] for row in ends) - sum(row["n"] for row in arrived),
                first_at=min((row["first_at"] for row in arrived), default=None),
                last_at=max((row["last_at"] for row in arrived), default=None),
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.delivered, one.supplier)))


async def _service(conn: asyncpg.Connection, now: datetime) -> Service:
    since = (now.astimezone(BEIJING) - timedelta(days=SERVICE_DAYS)).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    bins: dict[int, int] = defaultdict(int)
    n = arrived = late = 0
    for row in await conn.fetch(SQL.list_service, since, [*ARRIVED, *REFUSED]):
        n += row["n"]
        if row["outcome"] in ARRIVED:
            arrived += row["n"]
            late += row["n"] if row["late"] else 0
        if row["bin"] >= 0:
            bins[row["bin"]] += row["n"]
    buckets = [row["bucket"] for row in await conn.fetch(ORDERS.list_buckets)]
    each = max(1, REFUNDS_MAX // max(1, len(buckets)))
    refunds = sorted(row["took_s"] for row in await conn.fetch(SQL.list_refund_times, buckets, each))
    as_of = await conn.fetchval(SQL.read_as_of)
    return Service(
        days=SERVICE_DAYS,
        n=n,
        success_ppm=arrived * WHOLE_PPM // n if n else None,
        arrived=arrived,
        p50_s=percentile(bins, 0.5),
        p90_s=percentile(bins, 0.9),
        kept_ppm=(arrived - late) * WHOLE_PPM // arrived if arrived else None,
        refunds=len(refunds),
        refund_p50_s=nearest_rank(refunds, 0.5),
        refund_p90_s=nearest_rank(refunds, 0.9),
        as_of=datetime.fromisoformat(as_of) if as_of else None,
    )


def nearest_rank(values: Sequence[float], share: float) -> float | None:
    """The smallest of sorted values that at least that share does not exceed; None of none."""
    if not values:
        return None
    return values[min(len(values) - 1, max(0, -(-int(share * 100) * len(values) // 100) - 1))]


async def _disputes(conn: asyncpg.Connection, now: datetime) -> DisputesTold:
    told = await public_counts(conn, now - timedelta(days=BREACH_DAYS))
    return DisputesTold(
        opened=told.opened,
        closed=told.closed,
        still_open=told.still_open,
        answer_p50_s=told.answer_p50_s,
        answer_p90_s=told.answer_p90_s,
        outcomes=told.outcomes,
        missed=told.breaches,
    )


async def _breaches(conn: asyncpg.Connection, now: datetime) -> tuple[BreachCount, ...]:
    rows = await conn.fetch(SQL.count_breaches, now - timedelta(days=BREACH_DAYS), BREACHES_MAX)
    return tuple(
        BreachCount(kind=row["kind"], late_actor=row["late_actor"], n=row["n"], last_at=row["last_at"])
        for row in rows
    )


def state_of(paper: Paper, known: Sequence[Paper], now: datetime) -> str:
    """Whether a version is still to come, holds, or held."""
    if paper.effective_at > now:
        return "coming"
    held = in_force(known, paper.kind, now)
    return "holds" if held is not None and held.version == paper.version else "past"


def versions_of(known: Sequence[Paper], now: datetime) -> tuple[PaperVersion, ...]:
    """All versions by kind, the newest first."""
    return tuple(
        PaperVersion(
            kind=one.kind,
            version=one.version,
            state=state_of(one, known, now),
            published_at=one.published_at,
            effective_at=one.effective_at,
            sha256=one.sha256,
            url=f"/trust/papers/{one.kind}/{one.version}",
        )
        for kind in KINDS
        for one in known
        if one.kind == kind
    )


async def read_paper_page(desk: Desk, kind: str, version: int, lang: str) -> PaperPage:
    """A version and what it changed. Raises `not_found`."""
    async with desk.pool.acquire() as conn:
        known = await list_papers(conn)
        paper = await read_paper(conn, kind, version)
        before = await read_paper(conn, kind, version - 1) if version > 1 else None
        recorded = await list_logged(conn, subject_of(kind, version), SHOPS_BUCKET)
    pieces: list[Piece] = []
    if before is not None:
        english = lang == "en"
        pair = (before.text_en, paper.text_en) if english else (before.text_zh, paper.text_zh)
        pieces = await asyncio.to_thread(partial(compare, *pair, english=english))
    return PaperPage(
        paper=paper,
        state=state_of(paper, known, desk.clock.now()),
        before=before.version if before else 0,
        pieces=tuple(pieces),
        recorded=bool(recorded),
    )


async def _record(conn: asyncpg.Connection, desk: Desk) -> SignedState | None:
    head = await conn.fetchrow(LOG.read_head)
    if head is None:
        return None
    known = {witness.key.name for witness in witnesses_of(desk.settings)}
    cosigned = await conn.fetchrow(LOG.read_cosigned_head, list(known)) if known else None
    lines = await conn.fetch(LOG.list_cosignatures, cosigned["size"]) if cosigned else []
    names = {row["line"].split(" ")[1] for row in lines} & known
    return SignedState(
        size=head["size"],
        root=head["root"].hex(),
        signed_at=head["at"],
        key=signer_of(desk.settings).verifier.text(),
        cosigned_by=tuple(sorted(names)),
        cosigned_size=cosigned["size"] if cosigned else 0,
    )
