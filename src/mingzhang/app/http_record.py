"""The record for people: a page with its state, key, witnesses and timestamps, and the page that checks offline."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files
from typing import Final

from litestar import Response, get
from litestar.params import FromPath

from mingzhang.app.http_guard import ANYBODY
from mingzhang.app.http_kit import AnyRequest, HtmlResponse, desk_of, language, page, shop_of
from mingzhang.app.transparency import signer_of, witnesses_of
from mingzhang.kit.errors import Kind, Problem
from mingzhang.transparency.anchors import list_anchored, read_anchored, read_waiting
from mingzhang.transparency.notes import parse_note
from mingzhang.transparency.tree import SQL
from mingzhang.web import pages_record
from mingzhang.web.pages_record import RecordPage, Stamped, Waits, Witnessed

FOREVER: Final = {"Cache-Control": "public, max-age=31536000, immutable", "Access-Control-Allow-Origin": "*"}


def _self_contained(html: str) -> tuple[bytes, str]:
    """The page with the hashes of its one script and style in its own policy, and that policy."""
    policy = "default-src 'none'; form-action 'none'; base-uri 'none'"
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        inside = re.search(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        assert inside is not None
        digest = base64.b64encode(hashlib.sha256(inside[1].encode()).digest()).decode()
        html = html.replace(f"{directive} 'unsafe-inline'", f"{directive} 'sha256-{digest}'")
        policy += f"; {directive} 'sha256-{digest}'"
    return html.encode(), f"{policy}; frame-ancestors 'none'"


VERIFIER, _POLICY = _self_contained(
    (files("mingzhang.transparency") / "verify_offline.html").read_text(encoding="utf-8")
)


@get("/log", include_in_schema=False, guards=[ANYBODY])
async def record(request: AnyRequest) -> HtmlResponse:
    """公开记录: how many entries, signed when and by whom, who else signed, which days were timestamped."""
    desk = desk_of(request)
    async with desk.pool.acquire() as conn:
        head = await conn.fetchrow(SQL.read_head)
        stamps = await list_anchored(conn)
        waiting = await read_waiting(conn)
        seen = {
            one.key.name: await conn.fetchval(SQL.read_cosigned, one.key.name)
            for one in witnesses_of(desk.settings)
        }
    shown = RecordPage(
        now=desk.clock.now(),
        key=signer_of(desk.settings).verifier.text(),
        size=head["size"] if head else 0,
        root=base64.b64encode(head["root"]).decode() if head else "",
        signed_at=head["at"] if head else None,
        witnesses=tuple(
            Witnessed(one.key.name, one.key.text(), seen[one.key.name] or 0)
            for one in witnesses_of(desk.settings)
        ),
        stamps=tuple(
            Stamped(
                one.authority,
                one.period_end,
                one.size,
                one.stamped_at,
                f"/log/anchors/{one.anchor}/{one.size}",
            )
            for one in stamps
        ),
        waiting=tuple(
            Waits(row["anchor"], row["period_end"], row["tries"], row["last_error"]) for row in waiting
        ),
    )
    return page(request, pages_record.record_page(shown, shop_of(desk), language(request)))


@get("/log/verify.html", include_in_schema=False, guards=[ANYBODY], sync_to_thread=False)
def verify_page() -> Response[bytes]:
    """The page that checks receipts and packs in the browser; saved, it works from a file without any network."""
    headers = {
        "Content-Security-Policy": _POLICY,
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
        "Cache-Control": "no-cache",
    }
    return Response(VERIFIER, media_type="text/html; charset=utf-8", headers=headers)


@get("/log/checkpoint/{size:int}", include_in_schema=False, guards=[ANYBODY])
async def state(request: AnyRequest, size: FromPath[int]) -> Response[str]:
    """One signed state with its cosignatures, as it was published."""
    async with desk_of(request).pool.acquire() as conn:
        rows = await conn.fetch(SQL.list_checkpoints, size, 1) if 0 <= size < 2**62 else []
        if not rows or rows[0]["size"] != size:
            raise Problem("not_found", Kind.NOT_FOUND)
        lines = [row["line"] for row in await conn.fetch(SQL.list_cosignatures, size)]
    whole = parse_note(rows[0]["note"]).whole() + "".join(f"{line}\n" for line in lines)
    return Response(whole, media_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-cache"})


@get("/log/anchors/{name:str}/{size:int}", include_in_schema=False, guards=[ANYBODY])
async def token(request: AnyRequest, name: FromPath[str], size: FromPath[int]) -> Response[bytes]:
    """What a third party stamped, as it came: for RFC 3161 a TimeStampToken over the text of that state."""
    async with desk_of(request).pool.acquire() as conn:
        found = await read_anchored(conn, size) if 0 <= size < 2**62 else []
    one = next((each for each in found if each.anchor == name), None)
    if one is None:
        raise Problem("not_found", Kind.NOT_FOUND)
    headers = {"Content-Disposition": f'attachment; filename="{one.anchor}-{size}.tst"', **FOREVER}
    return Response(one.token, media_type="application/octet-stream", headers=headers)


HANDLERS: Final = (record, verify_page, state, token)
