"""Whatever anybody sends to the API as it describes itself: answered as described, nothing leaks, no money moves.

Inputs are generated from the OpenAPI description and sent over HTTP to a whole running house.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from test_every_door import keys_of, session
from test_staff_rights import office_of

from house import House, open_house
from mingzhang.app.http_session import STAFF_COOKIE
from mingzhang.staff.rights import Role

EXAMPLES = int(os.environ.get("API_EXAMPLES", "8"))

# There is nothing to generate: no parameter and no body, or one text of which none is wrong.
WITHOUT_INPUT = {"getVocabulary", "getTrustCoverage", "getTrust", "getTrustDay", "getStatus"}
# A schema can say that the account is a text, not that it is a telephone number: 422 is a right answer.
BEYOND_THE_SCHEMA = [positive_data_acceptance]


def calls_of(schema: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """(method, path) of every call in the description, by its name."""
    return {
        call["operationId"]: (method, path)
        for path, calls in schema["paths"].items()
        for method, call in calls.items()
    }


def send_all(
    house: House, name: str, order_id: str, token: str, everybody: tuple[list[str], list[str]], examples: int
) -> int:
    """Send generated requests of one call, each checked against the description; how many were sent.

    `everybody`: the cookies with which they come in turn, and what no answer may hold: a session of staff opens
    nothing here.
    """
    cookies, canaries = everybody
    description = schemathesis.openapi.from_url(f"{house.url}/api/schema/openapi.json")
    method, path = calls_of(description.raw_schema)[name]
    operation = description[path][method.upper()]
    sent = 0
    # With the real order put in its place, what was generated as wrong may be right.
    excluded = [*BEYOND_THE_SCHEMA, *([negative_data_rejection] if order_id else [])]

    for mode in GenerationMode:

        @settings(
            max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def once(case: schemathesis.Case) -> None:
            nonlocal sent
            sent += 1
            headers = {"Cookie": cookies[sent % len(cookies)]}
            if order_id and name != "placeOrder":
                # Beyond the door: the real order with its real token, everything else as generated.
                case.path_parameters["order_id"] = order_id
                headers["Authorization"] = f"Bearer {token}"
            answer = case.call_and_validate(headers=headers, timeout=30, excluded_checks=excluded)
            assert not [each for each in canaries if each.encode() in answer.content]
            if answer.status_code >= 400:
                described = operation.definition.raw["responses"][str(answer.status_code)]["description"]
                assert answer.json()["code"] in described.removeprefix("`code`: ").split(", ")

        once()
    return sent


CANARY = {"account": "13912345678", "contact": "canary@leak.example"}


async def plant(house: House) -> tuple[list[str], list[str]]:
    """Somebody else's order and everybody's sessions: the cookies to come with, and what no answer may hold."""
    headers = {"Idempotency-Key": "canary-canary", "X-Client": "canary"}
    body = {"product_id": "phone-100", **CANARY}
    async with house.http.post(f"{house.url}/api/v1/orders", json=body, headers=headers) as answer:
        placed = await answer.json()
    office, cookies = office_of(house), ["lang=en"]
    for role in Role:
        token = await session(office, str(role), [str(role)], strong=True)
        cookies.append(f"{STAFF_COOKIE}={token}")
    return cookies, [*CANARY.values(), placed["token"], *keys_of(house), house.desk.settings.secret_key.hex()]


async def prove(database_url: str, tmp_path: Path, examples: int, *, inside: bool) -> None:
    """Send everything, from outside or as the holder of one order's token."""
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.place() if inside else ""
        token = house.desk.ctx.vault.token(order_id) if inside else ""
        everybody = await plant(house)
        legs = await house.desk.pool.fetchval("SELECT count(*) FROM leg")
        async with house.http.get(f"{house.url}/api/schema/openapi.json") as answer:
            names = calls_of(await answer.json(content_type=None)).keys() - WITHOUT_INPUT
        assert len(names) >= 10
        for name in names:
            sent = await asyncio.to_thread(send_all, house, name, order_id, token, everybody, examples)
            assert sent >= examples // 4
        assert await house.desk.pool.fetchval("SELECT count(*) FROM leg") == legs
        report = await house.audit()
        assert report.ok, report.findings
        assert await house.lost_fen() == 0


@pytest.mark.parametrize("inside", [False, True], ids=["stranger", "holder of the token"])
async def test_generated_requests_are_answered_as_described(
    database_url: str, tmp_path: Path, inside: bool
) -> None:
    await prove(database_url, tmp_path, EXAMPLES, inside=inside)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("inside", [False, True], ids=["stranger", "holder of the token"])
async def test_many_generated_requests_are_answered_as_described(
    database_url: str, tmp_path: Path, inside: bool
) -> None:
    await prove(database_url, tmp_path, EXAMPLES * 50, inside=inside)
