"""The simulated DT One, over its wire with a client of a few lines made here."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from simulated import WAIT_S, Outside

FEN = 7  # of this world's cent


@dataclass
class Client:
    """The account's own client, and the listener for its callbacks."""

    outside: Outside
    url: str
    auth: str
    callback_url: str = ""
    came: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    status: int = 200

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        headers = {"Authorization": self.auth, **options.pop("headers", {})}
        async with self.outside.http.request(
            method, self.url + path, json=body, headers=headers, **options
        ) as answer:
            text = await answer.text()
        return answer.status, json.loads(text) if text.startswith(("{", "[")) else text

    async def create(self, number: str, product: int = 61050, **changes: Any) -> tuple[int, Any]:
        return await self.call("POST", "/async/transactions", {**self.order(number, product), **changes})

    def order(self, number: str, product: int = 61050) -> dict[str, Any]:
        return {
            "external_id": number,
            "product_id": product,
            "auto_confirm": False,
            "credit_party_identifier": {"mobile_number": "+8613800138000"},
            "callback_url": self.callback_url,
        }

    async def confirm(self, transaction: Any, **options: Any) -> tuple[int, Any]:
        return await self.call("POST", f"/async/transactions/{transaction['id']}/confirm", **options)

    async def cancel(self, transaction: Any) -> tuple[int, Any]:
        return await self.call("POST", f"/transactions/{transaction['id']}/cancel")

    async def buy(self, number: str, product: int = 61050, **changes: Any) -> Any:
        status, made = await self.create(number, product, **changes)
        assert status == 201, made
        status, confirmed = await self.confirm(made)
        assert status == 202, confirmed
        return confirmed

    async def ask(self, number: str) -> Any:
        status, rows = await self.call("GET", f"/transactions?external_id={number}")
        assert (status, len(rows)) == (200, 1), rows
        return rows[0]

    async def until(self, number: str, name: str) -> Any:
        deadline = time.monotonic() + WAIT_S
        while (told := await self.ask(number))["status"]["class"]["message"] != name:
            assert time.monotonic() < deadline, told
            await asyncio.sleep(0.01)
        return told

    async def balance(self) -> tuple[float, float]:
        _, rows = await self.call("GET", "/balances")
        return rows[0]["available"], rows[0]["holding"]

    async def books(self, prefix: str = "") -> Any:
        return (await self.outside.control("GET", f"/books?order={prefix}&party=dtone"))["dtone"]

    async def take(self, request: web.Request) -> web.Response:
        self.came.append((request.query_string, json.loads(await request.read())))
        return web.Response(status=self.status)


def code(body: Any) -> int:
    return int(body["errors"][0]["code"])


@pytest.fixture
async def dtone(outside: Outside) -> AsyncIterator[Client]:
    ready = outside.ready["dtone"]
    pair = base64.b64encode(f"{ready['api_key']}:{ready['api_secret']}".encode()).decode()
    client = Client(outside, ready["url"], f"Basic {pair}")
    app = web.Application()
    app.router.add_post("/dtone", client.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    client.callback_url = f"http://127.0.0.1:{runner.addresses[0][1]}/dtone?proof=1"
    yield client
    await runner.cleanup()


async def test_created_then_confirmed_then_completed_and_called_back(dtone: Client) -> None:
    available, holding = await dtone.balance()
    status, made = await dtone.create("A1T1")
    assert (status, made["status"]["class"]) == (201, {"id": 1, "message": "CREATED"})
    wholesale = made["prices"]["wholesale"]
    assert (wholesale["amount"], wholesale["fee"], wholesale["unit"]) == (7.05, 0.02, "USD")
    assert await dtone.balance() == (pytest.approx(available - 7.07), pytest.approx(holding + 7.07))
    assert (await dtone.books("A1"))["topups"] == {}
    status, confirmed = await dtone.confirm(made)
    assert (status, confirmed["status"]["class"]["id"]) == (202, 2)
    done = await dtone.until("A1T1", "COMPLETED")
    assert (done["id"], done["pin"], bool(done["operator_reference"])) == (made["id"], None, True)
    assert await dtone.balance() == (pytest.approx(available - 7.07), pytest.approx(holding))
    (row,) = (await dtone.books("A1"))["orders"]
    assert (row["cost_fen"], row["charged_fen"], row["credited_fen"]) == (707 * FEN, 707 * FEN, 0)
    assert row["history"] == ["CREATED", "CONFIRMED", "SUBMITTED"]
    assert (await dtone.books())["topups"] == {"+8613800138000|A1": 1}
    await dtone.outside.until(lambda: dtone.came)
    query, told = dtone.came[0]
    assert (query, told["external_id"], told["status"]["message"]) == ("proof=1", "A1T1", "COMPLETED")


async def test_automatic_confirmation_is_possible_too(dtone: Client) -> None:
    status, made = await dtone.create("A2T1", auto_confirm=True)
    assert (status, made["status"]["message"]) == (201, "CONFIRMED")
    await dtone.until("A2T1", "COMPLETED")


async def test_a_cancelled_one_gives_back_what_was_held_and_can_not_be_confirmed(dtone: Client) -> None:
    before = await dtone.balance()
    _, made = await dtone.create("B1T1")
    status, gone = await dtone.cancel(made)
    assert (status, gone["status"]["class"]["id"]) == (202, 4)
    assert await dtone.balance() == before
    assert code((await dtone.confirm(made))[1]) == 1007005
    assert code((await dtone.cancel(made))[1]) == 1007005
    sent = await dtone.buy("B2T1")
    assert code((await dtone.cancel(sent))[1]) == 1007007
    assert code((await dtone.confirm(sent))[1]) == 1007002


async def test_an_external_id_is_taken_once_whatever_became_of_it(dtone: Client) -> None:
    _, made = await dtone.create("C1T1")
    status, again = await dtone.create("C1T1")
    assert (status, code(again)) == (400, 1007001)
    await dtone.cancel(made)
    assert code((await dtone.create("C1T1"))[1]) == 1007001


@pytest.mark.parametrize(
    ("name", "status", "number"),
    [
        ("wrong_account", 400, 1005003),
        ("stock_out", 404, 1003001),
        ("maintenance", 503, 1009503),
        ("insufficient_balance", 400, 1006001),
        ("rate_limited_429", 429, 1000429),
    ],
)
async def test_some_refusals_come_at_once_and_nothing_is_held(
    dtone: Client, name: str, status: int, number: int
) -> None:
    await dtone.outside.fault("D1", "dtone", name)
    answered, body = await dtone.create("D1T1")
    assert (answered, code(body)) == (status, number)
    assert (await dtone.books("D1"))["orders"] == []
    assert (await dtone.call("GET", "/transactions?external_id=D1T1")) == (200, [])


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("account_banned", "DECLINED-BARRED-CREDIT-PARTY"),
        ("velocity_refused", "DECLINED-LIMITATIONS-ON-CREDIT-PARTY-QUANTITY"),
        ("region_refused", "DECLINED-INELIGIBLE-CREDIT-PARTY"),
        ("operator_unavailable", "DECLINED-OPERATOR-CURRENTLY-UNAVAILABLE"),
        ("declined", "DECLINED"),
    ],
)
async def test_other_refusals_come_from_the_operator_and_give_all_back(
    dtone: Client, name: str, status: str
) -> None:
    before = await dtone.balance()
    await dtone.outside.fault("E1", "dtone", name)
    await dtone.buy("E1T1")
    told = await dtone.until("E1T1", "DECLINED")
    assert told["status"]["message"] == status
    assert await dtone.balance() == before
    (row,) = (await dtone.books("E1"))["orders"]
    assert (row["topups_executed"], row["credited_fen"]) == (0, row["charged_fen"])


async def test_the_platform_may_reject_what_is_confirmed(dtone: Client) -> None:
    await dtone.outside.fault("E2", "dtone", "rejected_by_platform")
    _, made = await dtone.create("E2T1")
    status, told = await dtone.confirm(made)
    assert (status, told["status"]["class"]["id"]) == (202, 3)


@pytest.mark.parametrize(
    ("suffix", "status"),
    [
        ("100", "COMPLETED"),
        ("202", "DECLINED-INVALID-CREDIT-PARTY"),
        ("103", "DECLINED-BARRED-CREDIT-PARTY"),
        ("304", "DECLINED-OPERATOR-CURRENTLY-UNAVAILABLE"),
        ("105", "DECLINED-DUPLICATED-TRANSACTION"),
        ("106", "DECLINED"),
        ("107", "DECLINED-EXCEPTION"),
    ],
)
async def test_the_numbers_last_three_digits_pick_the_end(dtone: Client, suffix: str, status: str) -> None:
    """The vendor's own table for its sandbox."""
    number = {"mobile_number": f"+6595123{suffix}"}
    await dtone.buy("F1T1", credit_party_identifier=number)
    told = await dtone.until("F1T1", status.partition("-")[0])
    assert told["status"]["message"] == status


@pytest.mark.parametrize(
    ("name", "status", "number"),
    [
        ("unknown_http500", 500, None),
        ("unknown_non_json", 200, None),
        ("unknown_html404_after_acceptance", 404, None),
        ("unknown_9999", 500, 1009001),
        ("duplicate_number", 400, 1007002),
    ],
)
async def test_a_spoiled_answer_hides_a_confirmation_that_counted(
    dtone: Client, name: str, status: int, number: int | None
) -> None:
    await dtone.outside.fault("G1", "dtone", name)
    _, made = await dtone.create("G1T1")
    answered, body = await dtone.confirm(made)
    assert answered == status
    assert (code(body) if number else body) == (number or body)
    await dtone.until("G1T1", "COMPLETED")
    assert (await dtone.books())["topups"] == {"+8613800138000|G1": 1}


@pytest.mark.parametrize(
    ("name", "accepted"),
    [("timeout_after_acceptance", True), ("confirm_lost", False), ("timeout_before_acceptance", False)],
)
async def test_a_timeout_before_or_after_acceptance(dtone: Client, name: str, accepted: bool) -> None:
    await dtone.outside.fault("H1", "dtone", name)
    short = aiohttp.ClientTimeout(total=0.5)
    if name == "timeout_before_acceptance":
        with pytest.raises(TimeoutError):
            await dtone.call("POST", "/async/transactions", dtone.order("H1T1"), timeout=short)
    else:
        _, made = await dtone.create("H1T1")
        with pytest.raises(TimeoutError):
            await dtone.confirm(made, timeout=short)
    if name == "timeout_before_acceptance":
        assert (await dtone.call("GET", "/transactions?external_id=H1T1")) == (200, [])
    else:
        await dtone.until("H1T1", "COMPLETED" if accepted else "CREATED")


async def test_a_confirmation_may_be_turned_away_first(dtone: Client) -> None:
    await dtone.outside.fault("H2", "dtone", "confirm_429", times=2)
    _, made = await dtone.create("H2T1")
    answers = [(await dtone.confirm(made))[0] for _ in range(3)]
    assert answers == [429, 429, 202]
    await dtone.until("H2T1", "COMPLETED")


async def test_reversed_after_completed_is_credited_and_called_back(dtone: Client) -> None:
    """F19."""
    before = await dtone.balance()
    await dtone.outside.fault("I1", "dtone", "success_then_reversed", s=300)
    await dtone.buy("I1T1")
    await dtone.until("I1T1", "COMPLETED")
    told = await dtone.until("I1T1", "REVERSED")
    assert told["status"]["class"] == {"id": 8, "message": "REVERSED"}
    assert await dtone.balance() == before
    books = await dtone.books()
    assert (books["topups"], books["topups_reversed"]) == ({"+8613800138000|I1": 1},) * 2
    await dtone.outside.until(lambda: len(dtone.came) == 2)
    assert [body["status"]["message"] for _, body in dtone.came] == ["COMPLETED", "REVERSED"]


async def test_gift_cards_bring_a_pin_sometimes_late_sometimes_never(dtone: Client) -> None:
    await dtone.buy("J1T1", 63010, credit_party_identifier=None)
    done = await dtone.until("J1T1", "COMPLETED")
    (row,) = (await dtone.books("J1"))["orders"]
    assert [[done["pin"]["serial"], done["pin"]["code"]]] == row["cards"]
    await dtone.outside.fault("J2", "dtone", "done_without_cards", times=1)
    await dtone.buy("J2T1", 63010, credit_party_identifier=None)
    assert (await dtone.until("J2T1", "COMPLETED"))["pin"] is None
    assert (await dtone.ask("J2T1"))["pin"] is not None
    await dtone.outside.fault("J3", "dtone", "too_few_cards")
    await dtone.buy("J3T1", 63010, credit_party_identifier=None)
    await dtone.until("J3T1", "COMPLETED")
    assert (await dtone.ask("J3T1"))["pin"] is None
    pins = []
    for order in ("J4", "J5"):
        await dtone.outside.fault(order, "dtone", "same_card_twice")
        await dtone.buy(f"{order}T1", 63010, credit_party_identifier=None)
        pins.append((await dtone.until(f"{order}T1", "COMPLETED"))["pin"])
    assert pins[0] == pins[1]


async def test_a_price_may_rise_or_come_in_another_currency(dtone: Client) -> None:
    await dtone.outside.fault("K1", "dtone", "price_above_safe", percent=20)
    await dtone.outside.fault("K2", "dtone", "price_other_currency")
    _, dearer = await dtone.create("K1T1")
    assert dearer["prices"]["wholesale"]["amount"] == 8.46
    _, other = await dtone.create("K2T1")
    assert other["prices"]["wholesale"]["unit"] == "EUR"


async def test_queries_may_find_nothing_first_or_fail(dtone: Client) -> None:
    await dtone.outside.fault("L1", "dtone", "query_not_found_then_found", times=1)
    await dtone.outside.fault("L1", "dtone", "query_unknown", times=1)
    await dtone.buy("L1T1")
    path = "/transactions?external_id=L1T1"
    answers = [await dtone.call("GET", path) for _ in range(3)]
    assert [(status, code(body)) for status, body in answers[:2]] == [(404, 1008004), (500, 1009001)]
    assert answers[2][1][0]["external_id"] == "L1T1"


async def test_a_silent_one_waits_for_a_decision(dtone: Client) -> None:
    for order, outcome, end in (("M1", "success", "COMPLETED"), ("M2", "failed", "DECLINED")):
        await dtone.outside.fault(order, "dtone", "silent")
        await dtone.buy(f"{order}T1")
        assert (await dtone.ask(f"{order}T1"))["status"]["message"] == "SUBMITTED"
        await dtone.outside.control("POST", "/decide", {"order": order, "outcome": outcome})
        await dtone.until(f"{order}T1", end)
    await dtone.outside.control("POST", "/decide", {"order": "M1", "outcome": "success"}, status=404)


@pytest.mark.parametrize("signed", [True, False])
async def test_a_forged_callback_lies_and_the_query_tells_the_truth(dtone: Client, signed: bool) -> None:
    await dtone.outside.fault("N1", "dtone", "forged_callback", signed=signed)
    await dtone.outside.fault("N1", "dtone", "silent")
    await dtone.buy("N1T1")
    await dtone.outside.until(lambda: dtone.came)
    query, body = dtone.came[0]
    assert (query, body["status"]["message"]) == ("proof=1" if signed else "", "COMPLETED")
    assert (await dtone.ask("N1T1"))["status"]["message"] == "SUBMITTED"


async def test_callbacks_are_repeated_until_they_are_taken_or_by_fault(dtone: Client) -> None:
    dtone.status = 500
    await dtone.buy("O1T1")
    await dtone.outside.until(lambda: len(dtone.came) >= 3)
    dtone.status = 200
    await dtone.outside.fault("O2", "dtone", "callback_duplicate", n=2)
    await dtone.outside.fault("O3", "dtone", "callback_lost")
    await dtone.buy("O3T1")
    await dtone.buy("O2T1")
    await dtone.outside.until(lambda: sum(b["external_id"] == "O2T1" for _, b in dtone.came) == 2)
    await dtone.until("O3T1", "COMPLETED")
    assert all(body["external_id"] != "O3T1" for _, body in dtone.came)


async def test_a_short_balance_and_the_rate_limit_are_real(dtone: Client) -> None:
    await dtone.outside.control("PUT", "/dtone/balance", {"fen": 706 * FEN})
    assert code((await dtone.create("P1T1"))[1]) == 1006001
    dtone.outside.world.dtone.rate_limit_per_s = 2
    answers = [await dtone.call("GET", "/balances") for _ in range(8)]
    assert 429 in [status for status, _ in answers]
    assert 200 in [status for status, _ in answers]


async def test_bad_calls_are_refused_with_codes(dtone: Client) -> None:
    for auth in ("", "Basic", "Basic !!", "Bearer x", "Basic eDp5"):
        status, body = await dtone.call("GET", "/balances", headers={"Authorization": auth})
        assert (status, code(body)) == (401, 1000401)
    for raw in (b"", b"{", b"[" * 100_000, b"\xff", b"[]"):
        async with dtone.outside.http.post(
            dtone.url + "/async/transactions", data=raw, headers={"Authorization": dtone.auth}
        ) as answer:
            assert (answer.status, code(await answer.json())) == (400, 1000400)
    cases: list[tuple[dict[str, Any], int]] = [
        ({"external_id": "Q" * 41}, 1000400),
        ({"external_id": 5}, 1000400),
        ({"product_id": "61050"}, 1000400),
        ({"product_id": 1}, 1003001),
        ({"credit_party_identifier": None}, 1000400),
        ({"credit_party_identifier": {"mobile_number": "13800138000"}}, 1005003),
    ]
    for changes, expected in cases:
        assert code((await dtone.create("Q1T1", **changes))[1]) == expected
    assert code((await dtone.confirm({"id": 5}))[1]) == 1008004
    assert code((await dtone.cancel({"id": "x"}))[1]) == 1008004


async def test_products_lookup_and_what_was_lately_made(dtone: Client) -> None:
    _, first = await dtone.call("GET", "/products?page=1&per_page=3")
    _, second = await dtone.call("GET", "/products?page=2&per_page=3")
    assert (len(first), len({row["id"] for row in first + second})) == (3, 6)
    _, one = await dtone.call("GET", "/products/61050")
    assert (one["type"], one["destination"]["amount"]) == ("FIXED_VALUE_RECHARGE", 50)
    assert code((await dtone.call("GET", "/products/5"))[1]) == 1003001
    _, found = await dtone.call("GET", "/lookup/mobile-number/+8613800138000")
    assert (found[0]["name"], found[0]["identified"]) == ("China Mobile", True)
    assert code((await dtone.call("POST", "/lookup/mobile-number", {"mobile_number": "1"}))[1]) == 1005003
    await dtone.create("R1T1")
    _, rows = await dtone.call("GET", "/transactions")
    assert [row["external_id"] for row in rows] == ["R1T1"]
    _, again = await dtone.call("GET", f"/transactions/{rows[0]['id']}")
    assert again == rows[0]


async def test_the_confirmation_has_a_time_limit(dtone: Client) -> None:
    _, made = await dtone.create("S1T1")
    deadline = time.monotonic() + WAIT_S
    while (answer := await dtone.ask("S1T1"))[
        "confirmation_expiration_date"
    ] > dtone.outside.world.world.now().strftime("%Y-%m-%dT%H:%M:%S"):
        assert time.monotonic() < deadline, answer
        await asyncio.sleep(0.2)
    assert code((await dtone.confirm(made))[1]) == 1007004
    assert (await dtone.cancel(made))[0] == 202
