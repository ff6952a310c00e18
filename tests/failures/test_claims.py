"""已付款,订单未更新 (R26, R33): a payment that nobody told us of is found by what the buyer shows; guesses learn nothing."""

from __future__ import annotations

import asyncio
import base64
import io
import re
import time
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from PIL import Image
from test_f01_f20 import sound

from house import House, open_house
from mingzhang.kit.errors import Problem
from mingzhang.orders import claims
from mingzhang.payments.claim_store import Claim, list_claims
from mingzhang.web.model import ClaimPanel

NOBODYS = "2026112322001400000000000001"
PNG = "image/png"


def screenshot(size: tuple[int, int] = (600, 1200), kind: str = "PNG", **more: Any) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(out, kind, **more)
    return out.getvalue()


async def unasked(house: House, *faults: tuple[str, str]) -> tuple[str, str]:
    """A paid order whose notify was lost and whose sweep is a day away; its number and the channel's."""
    order_id = await house.place()
    await house.world.fault(order_id, "alipay", "notify_lost")
    for party, name in faults:
        await house.world.fault(order_id, party, name)
    payment_no = await house.open(order_id)
    await house.desk.pool.execute(
        "UPDATE payment SET due_at = due_at + interval '1 day', deadline_at = deadline_at + interval '1 day'"
    )
    await house.buyer_pays(payment_no)
    trades = (await house.world.books())["alipay"]["trades"]
    return order_id, next(trade["trade_no"] for trade in trades if trade["out_trade_no"] == payment_no)


async def of(house: House, order_id: str) -> list[Claim]:
    async with house.desk.pool.acquire() as conn:
        return await list_claims(conn, order_id)


async def until_asked(house: House, order_id: str, times: int = 1) -> Claim:
    """Wait until the newest claim was asked about so often."""
    give_up = time.monotonic() + 30
    while True:
        claim = (await of(house, order_id))[0]
        if claim.asked >= times or claim.finished_at is not None:
            return claim
        assert time.monotonic() < give_up, claim
        await asyncio.sleep(0.05)


async def api(house: House, order_id: str, **body: str) -> tuple[int, dict[str, Any]]:
    token = house.desk.ctx.vault.token(order_id)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    url = f"{house.url}/api/v1/orders/{order_id}/claims"
    async with house.http.post(url, data=io.BytesIO(msgspec.json.encode(body)), headers=headers) as answer:
        return answer.status, await answer.json()


async def test_the_channels_number_finds_a_payment_nobody_told_of(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path, speed=1.0) as house:
        order_id, trade_no = await unasked(house)
        assert (await house.page(order_id)).pay_badge == "awaiting"
        status, panel = await api(house, order_id, number=f" {trade_no[:8]} {trade_no[8:]} ")
        assert (status, panel["state"], panel["number"]) == (201, "asking", trade_no)
        page = await house.until(order_id, lambda page: page.claims[0].state == "found")
        assert page.pay_badge == "paid"
        kinds = [item.kind for item in page.timeline]
        assert kinds.index("claim_made") < kinds.index("paid") < kinds.index("claim_found")
        assert (await house.audit()).ok
        fact = await house.desk.pool.fetchrow("SELECT subject FROM fact WHERE kind = 'paid'")
        assert fact["subject"] == order_id


async def test_a_screenshot_alone_is_enough_and_is_kept_sealed(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path, speed=1.0) as house:
        order_id, _ = await unasked(house)
        picture = base64.b64encode(screenshot()).decode()
        status, panel = await api(house, order_id, picture=picture)
        assert (status, panel["picture"], panel["number"]) == (201, True, "")
        await house.until(order_id, lambda page: page.claims[0].state == "found")
        body = await house.desk.pool.fetchval("SELECT body FROM evidence WHERE kind = 'claim_picture'")
        assert b"JFIF" not in body
        kept = base64.b64decode(house.desk.ctx.vault.open(body))
        assert Image.open(io.BytesIO(kept)).format == "JPEG"


async def test_another_orders_number_tells_the_guesser_nothing(database_url: str, tmp_path: Path) -> None:
    """Known to us or only to the channel: the guesser reads what anybody reads whose number nobody knows."""
    async with open_house(database_url, tmp_path, speed=1.0) as house:
        mine, trade_no = await unasked(house)
        guessers = [await house.place() for _ in range(4)]
        for guesser in guessers:
            await house.open(guesser)
        shown = [NOBODYS, trade_no, mine, (await house.page(mine)).numbers[0][1]]
        seen = []
        for guesser, number in zip(guessers, shown, strict=True):
            assert (await api(house, guesser, number=number))[0] == 201
            await until_asked(house, guesser)
            seen.append((await house.page(guesser)).claims[0])

        def blind(panel: ClaimPanel) -> dict[str, Any]:
            told = msgspec.to_builtins(panel)
            waits = panel.next_ask_at is not None and panel.deadline_at is not None
            return {
                **told,
                **dict.fromkeys(("claim_id", "number", "asked_at", "made_at"), ""),
                "waits": waits,
            } | {
                "next_ask_at": "",
                "deadline_at": "",
            }

        assert all(blind(panel) == blind(seen[0]) for panel in seen)
        assert (seen[0].state, seen[0].said) == ("waiting", "not_paid")
        flags = [(await of(house, guesser))[0].flag for guesser in guessers]
        assert flags[0] == ""
        assert flags[2:] == ["other_order", "other_order"]
        for guesser in guessers:
            assert {item.kind for item in (await house.page(guesser)).timeline} <= {
                "placed",
                "payment_opened",
                "payment_asked",
                "claim_made",
            }


async def test_not_found_is_asked_again_and_ends_with_a_person(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path, speed=1.0, steps=tmp_path / "ahead") as house:
        order_id = await house.place()
        assert (await api(house, order_id, number=NOBODYS))[0] == 201
        await until_asked(house, order_id)
        for asked, ahead_s in ((2, 700), (3, 7_000)):
            await house.step(ahead_s)
            await until_asked(house, order_id, asked)
        await house.step(100_000)
        page = await house.until(order_id, lambda page: page.claims[0].state == "person")
        (panel,) = page.claims
        assert panel.asked >= 3
        assert panel.next_ask_at is None
        assert panel.deadline_at is not None
        assert panel.deadline_at > panel.made_at
        assert page.timeline[-1].kind in {"claim_needs_person", "expired", "deadline_missed"}
        assert (await house.audit()).ok


async def test_repeats_are_one_claim_and_guesses_are_few(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path, speed=1.0) as house:
        order_id = await house.place()
        await house.open(order_id)
        first = await api(house, order_id, number=NOBODYS)
        again = await asyncio.gather(*(api(house, order_id, number=NOBODYS) for _ in range(5)))
        assert {panel["claim_id"] for _, panel in [first, *again]} == {first[1]["claim_id"]}
        claim = await until_asked(house, order_id)
        assert claim.asked == 1  # not once for each repetition
        for n in range(4):
            assert (await api(house, order_id, number=f"{NOBODYS[:-1]}{n + 2}"))[0] == 201
        status, problem = await api(house, order_id, number="20261123220014999999")
        assert (status, problem["code"]) == (429, "too_many_claims")
        assert len(await of(house, order_id)) == 5


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "claim_empty"),
        ({"number": "  "}, 422, "claim_empty"),
        ({"number": "1' OR 1=1"}, 422, "claim_number_invalid"),
        ({"number": "12345"}, 422, "claim_number_invalid"),
        ({"picture": "no base64!"}, 422, "picture_invalid"),
        (
            {"picture": base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'/>").decode()},
            422,
            "picture_invalid",
        ),
        ({"picture": base64.b64encode(screenshot((80, 80), "GIF")).decode()}, 422, "picture_invalid"),
        ({"picture": base64.b64encode(screenshot()[:400]).decode()}, 422, "picture_invalid"),
        ({"picture": base64.b64encode(screenshot((20, 20))).decode()}, 422, "picture_invalid"),
        ({"picture": base64.b64encode(bytes(4 * 1024 * 1024 + 1)).decode()}, 413, "picture_too_large"),
        ({"picture": "A" * 7_000_000}, 413, "too_large"),
    ],
    ids=[
        "nothing",
        "blank",
        "injection",
        "short",
        "no base64",
        "svg",
        "gif",
        "torn",
        "tiny",
        "over 4 MiB",
        "over the body",
    ],
)
async def test_what_cannot_be_a_proof_is_refused_and_nothing_is_kept(
    database_url: str, tmp_path: Path, body: dict[str, str], status: int, code: str
) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.place()
        answered, problem = await api(house, order_id, **body)
        assert (answered, problem["code"]) == (status, code)
        assert await of(house, order_id) == []
        assert await house.desk.pool.fetchval("SELECT count(*) FROM evidence WHERE party = 'buyer'") == 0


async def test_the_page_takes_a_form_with_a_picture_and_explains_refusals(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path, speed=1.0) as house:
        order_id, trade_no = await unasked(house)
        url = f"{house.url}/orders/{order_id}"
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:

            async def send(**fields: Any) -> tuple[int, str]:
                form = aiohttp.FormData()
                for name, value in fields.items():
                    if isinstance(value, bytes):
                        form.add_field(name, io.BytesIO(value), filename="../../x.png", content_type=PNG)
                    else:
                        form.add_field(name, value)
                async with browser.post(f"{url}/claim", data=form, allow_redirects=False) as answer:
                    return answer.status, await answer.text()

            async with browser.get(f"{url}/claim", allow_redirects=False) as answer:
                assert answer.status == 303  # not open in this browser
            assert (await send(number=trade_no))[0] == 401
            token = {"token": house.desk.ctx.vault.token(order_id)}
            async with browser.post(f"{url}/session", json=token) as answer:
                assert answer.status == 200
            async with browser.get(f"{url}/claim") as answer:
                found = re.search(r'name="csrf" value="([^"]+)"', await answer.text())
            assert found is not None
            csrf = found.group(1)
            assert (await send(number=trade_no))[0] == 403  # no token of this page
            status, html = await send(csrf=csrf, number="", picture=b"MZ not a picture")
            assert status == 422
            assert "这张图读不出来" in html
            assert (await send(csrf=csrf, number=trade_no, picture=bytes(6_000_000)))[0] == 413
            assert await of(house, order_id) == []
            assert (await send(csrf=csrf, number=trade_no, picture=screenshot((3000, 6000))))[0] == 303
        await house.until(order_id, lambda page: page.claims[0].state == "found")
        await house.until(order_id, lambda page: page.supply_badge in {"arrived", "processing", "sent"})


async def test_r26_r31_a_forged_voucher_is_evidence_and_never_money(
    database_url: str, tmp_path: Path
) -> None:
    """Beside a true one: its number is asked at the channel, "not found" says what to do next, and nothing is booked."""
    async with open_house(database_url, tmp_path, speed=1.0) as house:
        forged, pool = await house.place(), house.desk.pool
        await house.desk.make_claim(forged, NOBODYS, screenshot())
        claim = await until_asked(house, forged)
        assert (claim.state, claim.said) == ("waiting", "not_paid")
        kept = await pool.fetchrow("SELECT kind, body FROM evidence WHERE evidence_id = $1", claim.picture_id)
        assert kept["kind"] == "claim_picture"
        assert b"JFIF" not in kept["body"]  # sealed: it shows names and balances
        token = {"token": house.desk.ctx.vault.token(forged)}
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
            async with browser.post(f"{house.url}/orders/{forged}/session", json=token) as answer:
                assert answer.status == 200
            async with browser.get(f"{house.url}/orders/{forged}") as answer:
                html = await answer.text()
        assert "暂时没有查到这笔付款" in html
        assert f"/orders/{forged}/help" in html.split('id="not-found"')[1]
        true, trade_no = await unasked(house)
        await house.desk.make_claim(true, trade_no, screenshot())
        await house.until(true, lambda page: page.claims[0].state == "found")
        page = await house.page(forged)
        assert page.pay_badge == "confirming"  # somebody says it is paid, and nobody books it
        assert page.money == ()
        assert await pool.fetchval("SELECT count(*) FROM leg WHERE subject = $1", forged) == 0
        await sound(house)


async def test_a_silent_channel_is_said_to_be_silent(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path, speed=1.0) as house:
        order_id, trade_no = await unasked(house)
        await house.world.down("alipay", down=True)
        await api(house, order_id, number=trade_no)
        claim = await until_asked(house, order_id)
        assert (claim.state, claim.said) == ("waiting", "unknown")
        await house.world.down("alipay", down=False)
        await house.until(order_id, lambda page: page.claims[0].state == "found")


async def test_a_closed_order_goes_on_and_the_books_agree(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path, speed=600.0) as house:
        order_id = await house.place()
        await house.world.fault(order_id, "alipay", "notify_lost")
        payment_no = await house.open(order_id)
        await house.until(order_id, lambda page: page.pay_badge == "closed")
        await house.buyer_pays(payment_no, late=True)
        await api(house, order_id, number=payment_no)
        page = await house.until(order_id, lambda page: page.supply_badge == "arrived")
        assert page.claims
        await sound(house)


async def test_money_put_aside_is_found_too(database_url: str, tmp_path: Path) -> None:
    """Paid short (F18): the claim ends where the money has its item; nobody asks every two seconds for a day."""
    async with open_house(database_url, tmp_path, speed=60.0) as house:
        order_id = await house.place()
        await house.world.fault(order_id, "alipay", "notify_lost")
        await house.world.fault(order_id, "alipay", "paid_other_amount", fen=-100)
        payment_no = await house.open(order_id)
        await house.buyer_pays(payment_no)
        (trade,) = (await house.world.books())["alipay"]["trades"]
        await api(house, order_id, number=trade["trade_no"])
        page = await house.until(order_id, lambda page: page.claims[0].state == "found")
        assert [one.cause for one in page.aside] == ["short_payment"]
        assert page.claims[0].asked < 6
        assert page.pay_badge != "paid"


async def test_an_unknown_order_has_no_claims(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        with pytest.raises(Problem) as refused:
            await claims.make_claim(house.desk.ctx, "M00012345678ABCDEF0", NOBODYS)
        assert refused.value.code == "unknown_order"
