"""The API's description: OpenAPI 3.1, complete, and shown by a page that asks nobody but us."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.serialization import encode_json

from house import open_house
from mingzhang.app import (
    http_api,
    http_correction,
    http_disputes_api,
    http_docs,
    http_kit,
    http_returns,
    http_vocabulary,
)
from mingzhang.app.problems import PROBLEM_JSON

CALLS = {
    "placeOrder": ("post", "/api/v1/orders"),
    "getOrder": ("get", "/api/v1/orders/{order_id}"),
    "getTrail": ("get", "/api/v1/orders/{order_id}/trail"),
    "getEvents": ("get", "/api/v1/orders/{order_id}/events"),
    "openPayment": ("post", "/api/v1/orders/{order_id}/payments"),
    "getOrderStatus": ("get", "/api/v1/orders/{order_id}/status"),
    "makeClaim": ("post", "/api/v1/orders/{order_id}/claims"),
    "correctAccount": ("post", "/api/v1/orders/{order_id}/correction"),
    "chooseRemedy": ("post", "/api/v1/orders/{order_id}/choice"),
    "namePayee": ("post", "/api/v1/orders/{order_id}/payee"),
    "goAhead": ("post", "/api/v1/orders/{order_id}/ahead"),
    "listDisputes": ("get", "/api/v1/orders/{order_id}/disputes"),
    "openDispute": ("post", "/api/v1/orders/{order_id}/disputes"),
    "readDispute": ("get", "/api/v1/orders/{order_id}/disputes/{n}"),
    "sayInDispute": ("post", "/api/v1/orders/{order_id}/disputes/{n}/messages"),
    "decideDispute": ("post", "/api/v1/orders/{order_id}/disputes/{n}/decision"),
    "getVocabulary": ("get", "/api/v1/vocabulary"),
}
PUBLIC = {"placeOrder", "getVocabulary"}


@pytest.fixture(scope="module")
def schema() -> Any:
    """The description as it is sent."""
    app = Litestar(
        [
            http_api.ROUTER,
            http_correction.ROUTER,
            http_disputes_api.ROUTER,
            http_returns.ROUTER,
            http_vocabulary.ROUTER,
        ],
        openapi_config=http_docs.config(),
    )
    return json.loads(encode_json(app.openapi_schema.to_schema()))


def test_it_is_openapi_3_1_and_names_every_call(schema: Any) -> None:
    assert schema["openapi"].startswith("3.1.")
    found = {
        call["operationId"]: (method, path)
        for path, calls in schema["paths"].items()
        for method, call in calls.items()
    }
    assert found == CALLS


@pytest.mark.parametrize("name", CALLS)
def test_every_error_is_problem_json_with_its_closed_list_of_codes(schema: Any, name: str) -> None:
    method, path = CALLS[name]
    answers = schema["paths"][path][method]["responses"]
    errors = {status: answer for status, answer in answers.items() if status >= "400"}
    assert {"400", "404", "405", "503"} <= set(errors)
    assert ("401" in errors) == (name not in PUBLIC)
    for status, answer in errors.items():
        assert set(answer["content"]) == {PROBLEM_JSON}
        examples = answer["content"][PROBLEM_JSON]["examples"].values()
        assert {example["value"]["status"] for example in examples} == {int(status)}
        listed = answer["description"].removeprefix("`code`: ").split(", ")
        assert [example["value"]["code"] for example in examples] == listed


def test_events_are_also_a_stream_and_every_text_says_what_it_is(schema: Any) -> None:
    answer = schema["paths"]["/api/v1/orders/{order_id}/events"]["get"]["responses"]["200"]
    assert set(answer["content"]) == {"application/json", "text/event-stream"}
    for calls in schema["paths"].values():
        assert all(call["summary"] and call["description"] for call in calls.values())
    assert schema["components"]["securitySchemes"][http_docs.SCHEME]["scheme"] == "bearer"


async def test_the_page_refers_to_our_own_addresses_only(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        async with house.http.get(f"{house.url}/api/schema/docs") as answer:
            html = await answer.text()
            assert answer.status == 200
            assert (
                answer.headers["Content-Security-Policy"] == http_kit.PAGE_HEADERS["Content-Security-Policy"]
            )
        addresses = re.findall(r"(?:src|href|data-schema)=\"([^\"]+)\"", html)
        assert len(addresses) >= 5
        assert not re.search(r"https?://|<style|\sstyle=|\son[a-z]+=|<script>", html)
        for address in addresses:
            assert address.startswith("/")
            async with house.http.get(house.url + address) as answer:
                assert answer.status == 200, address
