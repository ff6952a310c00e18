"""The closing report on paper: words of the shop's language around the report's data, set on paper (R11)."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import date, datetime
from importlib.resources import files
from typing import Any, Final

from mingzhang.app.paper import set_paper
from mingzhang.kit.beijing import write_beijing
from mingzhang.kit.database import transaction
from mingzhang.orders.context import Context
from mingzhang.reconciliation import report
from mingzhang.reconciliation.report import Report
from mingzhang.web import words_reconcile
from mingzhang.web.i18n import translations
from mingzhang.web.model import ShopInfo
from mingzhang.web.views import View
from mingzhang.web.views import yuan_text as yuan

LARGEST_MAX: Final = 40
LANGUAGE: Final = "zh"


async def make_report(ctx: Context, day: date, shop: ShopInfo) -> Report:
    """Make a day's report as it stands now and store it; the next one has the next number."""
    now = ctx.now()
    async with ctx.pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        told = await report.gather(conn, day, now)
    body = report.encode(told)
    pdf = await asyncio.to_thread(render, told, body, shop, LANGUAGE, now)
    async with transaction(ctx.pool) as conn:
        await report.keep(conn, day, int(told["n"]), body, pdf, now)
    async with ctx.pool.acquire() as conn:
        made = await report.read_last(conn, day)
    assert made is not None
    return made


def render(told: dict[str, Any], body: bytes, shop: ShopInfo, lang: str, now: datetime) -> bytes:
    """The PDF. Raises Problem `font_missing`."""
    template = files("mingzhang.reconciliation").joinpath("report.typ").read_bytes()
    return set_paper(template, _sheet(told, body, View(lang, shop, translations(lang), now), shop, lang), now)


def _sheet(told: dict[str, Any], body: bytes, view: View, shop: ShopInfo, lang: str) -> dict[str, Any]:
    """What the template shows: every cell as text."""
    open_n = sum(it["n"] for it in told["open"])
    missing = [it for it in told["sources"] if it["state"] == "waiting"]
    word = "clean" if not open_n and not missing else "files_missing" if missing else "open"
    names = {name: view.t(text) for name, text in words_reconcile.REPORT.items()}
    heads = {name: [view.t(text) for text in texts] for name, texts in words_reconcile.REPORT_HEADS.items()}
    return {
        "lang": lang,
        "shop": shop.called(lang),
        "day": told["day"],
        "n": str(told["n"]),
        "made_at": write_beijing(datetime.fromisoformat(told["made_at"])),
        "words": names | heads,
        "verdict": view.t(words_reconcile.VERDICTS[word]) % {"n": open_n, "files": len(missing)},
        "sources": [_source(it, view) for it in told["sources"]],
        "open": [
            [
                view.w("recon_source", it["source"]),
                view.w("break_class", it["class"]),
                str(it["n"]),
                yuan(it["fen"]),
            ]
            for it in told["open"]
        ],
        "largest": [_largest(it, view) for it in told["largest"][:LARGEST_MAX]],
        "ended": [
            [
                view.w("recon_source", it["source"]),
                view.w("break_class", it["class"]),
                view.w("break_resolution", it["resolution"]),
                str(it["n"]),
                yuan(it["fen"]),
            ]
            for it in told["ended"]
        ],
        "postings": [[it["posting"], str(it["n"]), yuan(it["fen"])] for it in told["postings"]],
        "inputs": [
            [view.w("recon_source", it["source"]), it["name"], it["sha256"]]
            for it in told["files"]
            if it["used"]
        ],
        "json_sha256": hashlib.sha256(body).hexdigest(),
    }


def _source(it: dict[str, Any], view: View) -> list[str]:
    theirs_n = sum(total["theirs_n"] for total in it["totals"])
    theirs_fen = sum(total["theirs_fen"] for total in it["totals"])
    state = view.w("recon_day", it["state"])
    return [
        view.w("recon_source", it["source"]),
        f"{state} {it['code']}".strip(),
        str(theirs_n),
        str(it["agreed"]),
        yuan(theirs_fen),
    ]


def _largest(it: dict[str, Any], view: View) -> list[str]:
    deadline = it["deadline_at"]
    return [
        view.w("recon_source", it["source"]),
        view.w("break_class", it["class"]),
        str(it["key"]),
        yuan(it["stake_fen"]),
        write_beijing(datetime.fromisoformat(deadline)) if deadline else "",
    ]
