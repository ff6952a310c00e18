"""Bad input, endpoint by endpoint: a clear refusal with a code, no 500, and the ledger as it was."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from untouched import MB, untouched

from house import House, open_house
from mingzhang.app.http import create_app
from mingzhang.app.problems import PROBLEM_JSON

GOOD = {"product_id": "phone-100", "quantity": 1, "account": "13800138000", "contact": "buyer@example.com"}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
NOT_AN_ORDER = "M0000000000000000000"


async def ask(
    house: House, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, str, str]:
    """One request; its status, media type and text. Redirects are not followed."""
    timeout = aiohttp.ClientTimeout(total=30)
    async with house.http.request(
        method,
        house.url + path,
        data=None if body is None else io.BytesIO(body),
        headers=headers,
        allow_redirects=False,
        timeout=timeout,
    ) as answer:
        return answer.status, answer.content_type, await answer.text()


async def place(house: House, body: Any, key: str = "bad-input-0001", **headers: str) -> tuple[int, Any]:
    """Place an order with a body as given (bytes as they are); status and decoded answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", "Idempotency-Key": key, **headers}
    status, kind, text = await ask(house, "POST", "/api/v1/orders", data, sent)
    assert kind == ("application/json" if status == 201 else PROBLEM_JSON)
    return status, json.loads(text)


def without(name: str) -> dict[str, object]:
    return {key: value for key, value in GOOD.items() if key != name}


BODIES: dict[str, tuple[object, int, str]] = {
    "nothing": (b"", 400, "invalid_request"),
    "no JSON": (b"product_id=phone-100", 400, "invalid_request"),
    "a list": ([GOOD], 400, "invalid_request"),
    "not UTF-8": (b'{"product_id": "\xff"}', 400, "invalid_request"),
    "half a character": (b'{"product_id": "\\ud800"}', 400, "invalid_request"),
    "nested without end": (b'{"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}", 400, "invalid_request"),
    "one megabyte": ({**GOOD, "account": "1" * MB}, 413, "too_large"),
    "no product": (without("product_id"), 400, "invalid_request"),
    "no contact": (without("contact"), 422, "bad_contact"),
    "no account": (without("account"), 422, "bad_account"),
    "unknown product": ({**GOOD, "product_id": "nothing"}, 404, "unknown_product"),
    "quantity of a text": ({**GOOD, "quantity": "one"}, 400, "invalid_request"),
    "no quantity at all": ({**GOOD, "quantity": 0}, 400, "invalid_request"),
    "a negative quantity": ({**GOOD, "quantity": -1}, 400, "invalid_request"),
    "more than may be bought": ({**GOOD, "quantity": 2}, 422, "bad_quantity"),
    "beyond any number": (
        b'{"product_id":"phone-100","contact":"a@b.cn","quantity":1e400}',
        400,
        "invalid_request",
    ),
    "no telephone number": ({**GOOD, "account": "12345"}, 422, "bad_account"),
    "nobody's contact": ({**GOOD, "contact": "me"}, 422, "bad_contact"),
    "a NUL": ({**GOOD, "account": "138\x0000138000"}, 422, "invalid_request"),
    "another language": ({**GOOD, "language": "fr"}, 400, "invalid_request"),
}


async def test_placing_refuses_what_is_wrong_with_a_code_and_places_nothing(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house, untouched(house):
        for name, (body, status, code) in BODIES.items():
            found = await place(house, body)
            assert (found[0], found[1]["code"]) == (status, code), name
            assert found[1]["status"] == status
        for headers in ({"key": "short"}, {"key": "x" * 65}, {"X-Client": "y" * 41}):
            status, answer = await place(house, GOOD, **headers)
            assert (status, answer["code"]) == (400, "invalid_request"), headers
        twice = [("Idempotency-Key", "twice-0001"), ("Idempotency-Key", "twice-0002")]
        async with house.http.post(f"{house.url}/api/v1/orders", json=GOOD, headers=twice) as answer:
            assert (answer.status, (await answer.json())["code"]) == (422, "invalid_request")
        assert await house.desk.pool.fetchval("SELECT count(*) FROM orders") == 0


async def in_pieces(count: int) -> AsyncIterator[bytes]:
    """A body that does not say how long it is."""
    for _ in range(count):
        yield b"x" * 65_536


async def test_a_body_that_does_not_say_how_long_it_is_is_cut_off(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house, untouched(house):
        headers = {"Idempotency-Key": "in-pieces-0001", "Content-Type": "application/json"}
        for path, status, said in (
            ("/api/v1/orders", 413, "too_large"),
            ("/find", 413, "too_large"),
            ("/hooks/channels/alipay", 200, "fail"),
            ("/hooks/suppliers/fulu", 200, "fail"),
        ):
            url = house.url + path
            async with house.http.post(url, data=in_pieces(16), headers=headers) as answer:
                assert (answer.status, said in await answer.text()) == (status, True), path


async def test_placing_again_gives_the_same_order_and_other_input_is_refused(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        first = await place(house, GOOD)
        again = await place(house, GOOD)
        assert (first[0], again[0]) == (201, 201)
        assert again[1] == {**first[1], "repeated": True}
        at_once = await asyncio.gather(*(place(house, GOOD, "at-once-0001") for _ in range(6)))
        assert len({answer["order_id"] for _, answer in at_once}) == 1
        assert [answer["repeated"] for _, answer in at_once].count(False) == 1
        status, problem = await place(house, {**GOOD, "contact": "thief@example.com"})
        assert (status, problem["code"]) == (409, "key_reused")
        other, answer = await place(house, GOOD, **{"X-Client": "another"})
        assert (other, answer["repeated"]) == (201, False)  # every client's keys are its own
        assert await house.desk.pool.fetchval("SELECT count(*) FROM orders") == 3
        await house.desk.pool.execute("UPDATE product SET active = false")
        house.desk.ctx.catalogue.forget()
        assert (await place(house, GOOD))[1] == again[1]  # sold no more: a repetition is answered as before
        status, problem = await place(house, {**GOOD, "quantity": 2})
        assert (status, problem["code"]) == (404, "unknown_product")


@pytest.mark.parametrize("call", ["", "/trail", "/events", "/payments"])
async def test_an_order_that_never_was_answers_like_a_wrong_token(
    database_url: str, tmp_path: Path, call: str
) -> None:
    """Byte by byte, but for the time of day: nobody learns by trying which orders exist (scale rule 15)."""
    method = "POST" if call == "/payments" else "GET"
    body = b"{}" if call == "/payments" else None
    async with open_house(database_url, tmp_path) as house:
        real = await house.place()
        other = house.desk.ctx.vault.token(await house.place(account="13800138001"))
        ghost = real[:-6] + ("AAAAAA" if real[-6:] != "AAAAAA" else "BBBBBB")
        tokens = ("", "x", other, house.desk.ctx.vault.token(real)[:-1], "t" * 100_00)
        answers = set()
        async with untouched(house):
            for order_id in (real, ghost, "M9ZZZ" + real[5:], "nothing", "x" * 5_000):
                for token in tokens:
                    headers = {"Authorization": f"Bearer {token}"} if token else {}
                    async with house.http.request(
                        method, f"{house.url}/api/v1/orders/{order_id}{call}", data=body, headers=headers
                    ) as answer:
                        plain = tuple(
                            sorted((k, v) for k, v in answer.headers.items() if k.lower() != "date")
                        )
                        answers.add((answer.status, plain, await answer.read()))
        assert len(answers) == 1
        assert next(iter(answers))[0] == 401


async def test_events_refuse_a_number_that_is_none(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.place()
        headers = {"Authorization": f"Bearer {house.desk.ctx.vault.token(order_id)}"}
        for after in ("-1", "x", "1e30", "9" * 400, "%00"):
            status, kind, text = await ask(
                house, "GET", f"/api/v1/orders/{order_id}/events?after={after}", None, headers
            )
            assert (status, kind, json.loads(text)["code"]) == (400, PROBLEM_JSON, "invalid_request")
        live = {
            **headers,
            "Accept": "text/event-stream",
            "Last-Event-ID": "\u0660 nonsense".encode().decode("latin-1"),
        }
        async with house.http.get(f"{house.url}/api/v1/orders/{order_id}/events", headers=live) as stream:
            assert stream.content_type == "text/event-stream"
            assert (await stream.content.readline()).startswith(b"id: ")


async def test_paying_refuses_what_is_wrong(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.place()
        headers = {"Authorization": f"Bearer {house.desk.ctx.vault.token(order_id)}"}
        cases = (
            (b"", 400, "invalid_request"),
            (b'{"method": "cash"}', 400, "invalid_request"),
            (b'{"channel": "piggy_bank"}', 422, "unknown_channel"),
            (b'{"amount_fen": 1}', 400, "invalid_request"),
            (b'{"method": "' + b"q" * MB + b'"}', 413, "too_large"),
        )
        async with untouched(house):
            for body, wanted, code in cases:
                status, kind, text = await ask(
                    house, "POST", f"/api/v1/orders/{order_id}/payments", body, headers
                )
                assert (status, kind, json.loads(text)["code"]) == (wanted, PROBLEM_JSON, code)


def paths_of(app: Litestar) -> Iterator[tuple[str, frozenset[str]]]:
    """Every address of the application, with something in each hole, and the methods that it takes."""
    for route in app.routes:
        if isinstance(route, HTTPRoute) and "{file_path" not in route.path_format:
            path = route.path_format
            for hole, filled in (("product_id", "phone-100"), ("channel", "alipay"), ("supplier", "fulu")):
                path = path.replace(f"{{{hole}}}", filled)
            path = re.sub(r"\{\w+\}", "x1", path)
            assert "{" not in path, path
            yield path, frozenset(route.methods)


async def test_no_address_fails_whatever_method_and_body_come(database_url: str, tmp_path: Path) -> None:
    """Every route there is: each method, garbage, a megabyte, a wrong media type, a foreign page's form."""
    async with open_house(database_url, tmp_path, demo=True) as house:
        routes: dict[str, frozenset[str]] = {}
        for path, methods in paths_of(create_app(house.desk)):
            routes[path] = routes.get(path, frozenset()) | methods
        assert len(routes) > 25
        form = "application/x-www-form-urlencoded"
        bodies: tuple[tuple[bytes | None, dict[str, str]], ...] = (
            (None, {}),
            (b"\xff\x00%%%=&&&" * 40, {"Content-Type": form}),
            (b"a=1&" * 4_000, {"Content-Type": form}),
            (b"x" * MB, {"Content-Type": "application/json"}),
            (b"--x--", {"Content-Type": "multipart/form-data; boundary=x"}),
            (b"step=place", {"Content-Type": form, "Origin": "https://elsewhere.example"}),
        )
        async with untouched(house):
            for path, taken in routes.items():
                for method in METHODS:
                    for body, headers in bodies[: None if method in taken and method != "GET" else 1]:
                        status, kind, text = await ask(house, method, path, body, headers)
                        assert status < 500, (method, path, status, text[:300])
                        if method not in taken:
                            assert status == 405, (method, path, status)
                        if status >= 400 and path.startswith("/api/v1"):
                            assert kind == PROBLEM_JSON
                            assert json.loads(text)["code"]
