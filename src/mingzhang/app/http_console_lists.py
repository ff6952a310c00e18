"""Staff: the console's lists with filters, paging by key and export (docs/console.md)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Stream

from mingzhang.app.console import bulk, export, listing
from mingzhang.app.console.listing import Found, Listing, Wish
from mingzhang.app.console.listings import BY_NAME, LISTINGS
from mingzhang.app.http_guard import staff, staff_by_path
from mingzhang.app.http_kit import AnyRequest, desk_of, form_of, language, page, see_other, shop_of
from mingzhang.app.http_session import office_of, signed_in
from mingzhang.app.http_staff import frame_of
from mingzhang.kit.beijing import BEIJING
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders.context import Context
from mingzhang.orders.store import SQL as ORDERS
from mingzhang.staff import record
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right
from mingzhang.web.console import render_console
from mingzhang.web.i18n import translations
from mingzhang.web.list_cells import draw_rows
from mingzhang.web.model_console import Column, Filter, ListShown
from mingzhang.web.views import View

SIGN_IN: Final = "/staff/sign-in"
TEXT_MAX: Final = 64
SORTS: Final = ("deadline", "newest", "amount")
WRITERS: Final = {
    "csv": (export.stream_csv, "text/csv; charset=utf-8"),
    "xlsx": (
        export.stream_xlsx,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
}


def read_wish(one: Listing, asked: Mapping[str, str]) -> tuple[Wish, dict[str, str]]:
    """What an address or a form asks of a list, and the same as texts for links; what is not understood is left out."""
    kept: dict[str, str] = {}
    for each in one.filters:
        given = asked.get(each.name, "").strip()[:TEXT_MAX]
        closed = each.choices and given not in each.choices
        kept[each.name] = "" if closed or not given.isprintable() else given
    since, until = _day(asked.get("since", "")), _day(asked.get("until", ""))
    few = one.few != "" and (not one.walk or asked.get("open") == "1")
    for name, value in (("since", since), ("until", until)):
        if value is not None and one.walk and not few:
            kept[name] = asked[name][:10]
    if few and one.walk:
        kept["open"] = "1"
    if few and asked.get("sort") in SORTS:
        kept["sort"] = asked["sort"]
    first, second, third = (kept[each.name] for each in one.filters)
    wish = Wish(
        values=(first, second, third),
        few=few,
        since=since,
        until=until + timedelta(days=1) if until else None,
        before=listing.clean_cursor(asked.get("before", "")),
    )
    return wish, {name: value for name, value in kept.items() if value}


def _day(text: str) -> datetime | None:
    """The beginning of a day of Beijing, 2020–2100."""
    try:
        day = datetime.fromisoformat(text[:10]).date()
    except ValueError:
        return None
    if not 2020 <= day.year <= 2100:
        return None
    return datetime.combine(day, time(0), BEIJING).astimezone(UTC)


def columns_for(one: Listing, member: Member) -> tuple[Column, ...]:
    """The columns that a person may see."""
    return tuple(each for each in one.columns if not each.right or Right(each.right) in member.rights)


def _filters_for(one: Listing, ctx: Context) -> tuple[Filter, ...]:
    """The filters with their choices: channels and suppliers are what this shop has."""
    names = {"channel": tuple(ctx.channels), "supplier": tuple(ctx.suppliers)}
    return tuple(
        msgspec.structs.replace(each, choices=names[each.kind]) if each.kind in names else each
        for each in one.filters
        if each.title
    )


def _sorted(rows: list[dict[str, Any]], how: str) -> list[dict[str, Any]]:
    """Rows that were read whole, in the order asked for."""
    if how == "newest":
        return sorted(rows, key=lambda row: str(row["key"]), reverse=True)
    if how == "amount":
        name = next(
            (name for name in ("price_fen", "amount_fen", "cost_fen") if rows and name in rows[0]), ""
        )
        return sorted(rows, key=lambda row: row[name], reverse=True) if name else rows
    return rows


async def _buckets(ctx: Context) -> list[int]:
    return [row["bucket"] for row in await ctx.pool.fetch(ORDERS.list_buckets)]


def _shown(
    one: Listing, ctx: Context, member: Member, wish: Wish, kept: dict[str, str], found: Found
) -> ListShown:
    older = ""
    if found.before:
        older = f"{one.path}?{urlencode({**kept, 'before': found.before})}"
    return ListShown(
        name=one.name,
        path=one.path,
        title=one.title,
        note=one.note,
        columns=columns_for(one, member),
        filters=_filters_for(one, ctx),
        values=kept,
        rows=tuple(_sorted(found.rows, kept.get("sort", "")) if wish.few else found.rows),
        older=older,
        looked_to=listing.moment_of(one, found.reached) if found.reached else None,
        cut=found.cut,
        has_open=bool(one.few and one.walk),
        sorts=SORTS if wish.few and one.walk else (),
        may_clear=bool(one.sealed) and member.may(Right.VIEW_PERSONAL_DATA),
        actions=tuple(
            name
            for name, action in bulk.ACTIONS.items()
            if action.listing == one.name and member.may(action.right)
        ),
    )


async def _list_page(request: AnyRequest, one: Listing) -> Response[Any]:
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    desk = desk_of(request)
    wish, kept = read_wish(one, dict(request.query_params.items()))
    buckets = await _buckets(desk.ctx)
    async with desk.pool.acquire() as conn:
        found = await listing.look(conn, one, buckets, wish, now=desk.clock.now())
    lang, shop = language(request), shop_of(desk)
    view = View(lang, shop, translations(lang), desk.clock.now())
    shown = _shown(one, desk.ctx, member, wish, kept, found)
    html = render_console(
        "staff_list.html",
        lang,
        shop,
        await frame_of(request, member),
        view=view,
        shown=shown,
        rows=draw_rows(shown, view),
        bulk_max=bulk.KEYS_MAX,
    )
    return page(request, html)


def _page_of(one: Listing) -> HTTPRouteHandler:
    async def listed(request: AnyRequest) -> Response[Any]:
        return await _list_page(request, one)

    listed.__doc__ = f"The list of {one.name}: filters, newest first or what is open."
    made = get(one.path, include_in_schema=False, guards=[staff(one.right)], name=f"list_{one.name}")(listed)
    assert isinstance(made, HTTPRouteHandler)
    return made


@post(
    "/staff/export/{name:str}/{kind:str}",
    include_in_schema=False,
    status_code=200,
    guards=[staff_by_path("name", {one.name: one.right for one in LISTINGS})],
)
async def exported(request: AnyRequest, name: FromPath[str], kind: FromPath[str]) -> Response[Any] | Stream:
    """A list as a file, with the filters in force; on record. `clear`: personal data in clear, with a reason."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    if kind not in WRITERS:
        raise Problem("not_found", Kind.NOT_FOUND)
    desk, one, form = desk_of(request), BY_NAME[name], await form_of(request)
    wish, kept = read_wish(one, form)
    clear = form.get("clear") == "1" and bool(one.sealed)
    if clear:
        await record.look(
            office_of(request), member, Right.VIEW_PERSONAL_DATA, name, "export", form.get("reason", "")
        )
    async with transaction(desk.pool) as conn:
        data = {"list": name, "as": kind, "clear": clear, **kept}
        await record.write(conn, desk.ctx.rng, desk.clock.now(), member, "export_list", name, data=data)
    writer, media_type = WRITERS[kind]
    rows_max = export.CLEAR_ROWS_MAX if clear else export.ROWS_MAX
    pieces = listing.walk_all(
        desk.pool, one, await _buckets(desk.ctx), wish, rows_max, export.LOOKS_MAX, now=desk.clock.now()
    )
    view = View(language(request), shop_of(desk), translations(language(request)))
    unseal = desk.ctx.vault.open if clear else None
    stamp = desk.clock.now().astimezone(BEIJING).strftime("%Y%m%d-%H%M")
    return Stream(
        writer(pieces, columns_for(one, member), view, one.sealed, unseal),
        media_type=media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}-{stamp}.{kind}"',
            "Cache-Control": "no-store",
        },
    )


HANDLERS: Final = (*(_page_of(one) for one in LISTINGS), exported)
