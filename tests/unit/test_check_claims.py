"""The claiming buyers of a checked run notice when a number is believed or tells of somebody else's order (R26)."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from aiohttp import web

from mingzhang.app.check_claims import Claimant, LeakError, screenshot
from mingzhang.payments.pictures import redraw_picture
from simulators.scenarios import CLAIMS, CLOSED, plan


class Shop:
    """Answers every claim as it is told to."""

    def __init__(self, state: str, page: str) -> None:
        self.state, self.page = state, page
        self.shown: list[str] = []

    async def claims(self, request: web.Request) -> web.Response:
        self.shown.append((await request.json())["number"])
        return web.json_response({"state": self.state}, status=201)

    async def order(self, _: web.Request) -> web.Response:
        return web.Response(text=self.page)

    async def books(self, request: web.Request) -> web.Response:
        trade = {"trade_no": "OWN-1", "paid_at": "2026-01-01T00:00:00+00:00"}
        return web.json_response({"alipay": {"trades": [trade]}})


@pytest.mark.parametrize(
    ("state", "page", "wrong"),
    [("asking", "{}", ""), ("found", "{}", "believed"), ("asking", "about MOTHER", "told of")],
)
async def test_a_claimant_sees_through_a_shop_that_leaks(state: str, page: str, wrong: str) -> None:
    shop = Shop(state, page)
    app = web.Application()
    app.add_routes(
        [
            web.post("/api/v1/orders/MINE/claims", shop.claims),
            web.get("/api/v1/orders/MINE", shop.order),
            web.get("/books", shop.books),
        ]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        claimant = Claimant(f"http://{host}:{port}", f"http://{host}:{port}")
        claimant.known["MOTHER"] = "HERS-1"
        claiming = claimant.claim(7, "MINE", "token", ["others", "made_up", "own"])
        if wrong:
            with pytest.raises(LeakError, match=wrong):
                await claiming
        else:
            await claiming
            assert (shop.shown[0], shop.shown[2], claimant.made) == ("HERS-1", "OWN-1", 3)
            assert claimant.known["MINE"] == "OWN-1"
    finally:
        await runner.cleanup()


def test_the_screenshot_is_a_picture_that_the_shop_takes() -> None:
    assert redraw_picture(base64.b64decode(screenshot("2026"))).startswith(b"\xff\xd8")


def test_the_payment_plan_has_buyers_who_claim_and_guessers_who_get_nothing() -> None:
    rows: list[dict[str, Any]] = plan("payment", 3, 400, None, ("alipay", "wechat", "epay"))["orders"]
    claiming = [row for row in rows if row["buyer"]["claims"]]
    assert {row["buyer"]["action"] for row in claiming} == set(CLAIMS)
    guessers = [row for row in claiming if "own" not in row["buyer"]["claims"]]
    assert guessers
    assert all(row["expected"] == CLOSED and not row["buyer"]["steps"] for row in guessers)
