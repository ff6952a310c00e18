"""Calls to DT One over real sockets: created, looked at, confirmed or cancelled; and what each end means."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from rich.pretty import pretty_repr

from mingzhang.evidence.messages import Direction, HttpMessage, Standing
from mingzhang.fulfilment.suppliers.base import GoodsKind, Reason, SupplyAnswer, SupplyRequest, SupplyState
from mingzhang.fulfilment.suppliers.dtone import DtOne, DtOneSettings
from mingzhang.fulfilment.suppliers.dtone_wire import attempt_of_query, basic_auth, callback_address
from mingzhang.kit.clock import ManualClock
from mingzhang.kit.errors import Problem
from mingzhang.kit.outbound import ANSWER_BYTES_MAX, Outbound
from outside_party import OutsideParty, http, outside_party, refused_url

SECRET = "a" * 32
NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)
CLASSES = {
    1: "CREATED",
    2: "CONFIRMED",
    3: "REJECTED",
    4: "CANCELLED",
    5: "SUBMITTED",
    7: "COMPLETED",
    8: "REVERSED",
    9: "DECLINED",
}
MOBILE = SupplyRequest(
    attempt_no="A1T1",
    kind=GoodsKind.MOBILE,
    supplier_product="61050",
    quantity=1,
    account="13800001234",
    face_value_fen=5000,
    safe_cost_fen=5100,
)
CARD = msgspec.structs.replace(MOBILE, kind=GoodsKind.CARD, account="")
Call = Callable[[DtOne], Awaitable[SupplyAnswer]]
SUBMIT: Call = lambda dtone: dtone.submit(MOBILE)  # noqa: E731
QUERY: Call = lambda dtone: dtone.query("A1T1", GoodsKind.MOBILE)  # noqa: E731


@asynccontextmanager
async def dtone_at(url: str, **changes: Any) -> AsyncIterator[DtOne]:
    settings = DtOneSettings(
        url=url,
        api_key="key",
        api_secret=SECRET,
        callback_url="http://127.0.0.1:9/hooks/suppliers/dtone",
        currency="USD",
        fen_per_unit="712.35",
        timeout_s=2,
    )
    outbound = Outbound()
    try:
        yield DtOne(msgspec.structs.replace(settings, **changes), outbound, ManualClock(NOW))
    finally:
        await outbound.aclose()


def told(class_id: int, message: str = "", **changes: Any) -> dict[str, Any]:
    name = CLASSES.get(class_id, "")
    return {
        "id": 987,
        "external_id": "A1T1",
        "creation_date": "2026-03-01T04:00:00.000000000Z",
        "status": {
            "id": class_id * 10000,
            "message": message or name,
            "class": {"id": class_id, "message": name},
        },
        "operator_reference": None,
        "pin": None,
        "product": {"id": 61050},
        "prices": {"wholesale": {"unit_type": "CURRENCY", "unit": "USD", "amount": 7.05, "fee": 0.02}},
        **changes,
    }


def answer(body: object, status: str = "200 OK") -> bytes:
    return http(json.dumps(body).encode(), status)


def error(code: int, status: str = "400 Bad Request") -> bytes:
    return answer({"errors": [{"code": code, "message": f"words of {code}"}]}, status)


CREATED = answer(told(1), "201 Created")
CONFIRMED = answer(told(2), "202 Accepted")
CANCELLED = answer(told(4), "202 Accepted")


async def ask(call: Callable[[DtOne], Awaitable[Any]], *answers: bytes | None) -> tuple[Any, OutsideParty]:
    async with outside_party(*answers) as party, dtone_at(party.url) as dtone:
        return await call(dtone), party


def paths(party: OutsideParty) -> list[str]:
    return [head.split(" HTTP")[0].replace("/gateway", "") for head in party.heads]


# -- submit ----------------------------------------------------------------------------------------


async def test_it_creates_looks_at_the_price_and_confirms() -> None:
    done, party = await ask(SUBMIT, CREATED, CONFIRMED)
    assert (done.state, done.supplier_order_id, done.cost_fen) == (SupplyState.PROCESSING, "987", 5037)
    assert paths(party) == ["POST /async/transactions", "POST /async/transactions/987/confirm"]
    sent = json.loads(party.bodies[0])
    callback = sent.pop("callback_url")
    assert attempt_of_query(callback.partition("?")[2], SECRET) == "A1T1"
    assert sent == {
        "external_id": "A1T1",
        "product_id": 61050,
        "auto_confirm": False,
        "credit_party_identifier": {"mobile_number": "+8613800001234"},
    }
    assert all(f"Authorization: {basic_auth('key', SECRET)}" in head for head in party.heads)
    assert [message.direction for message in done.messages] == [Direction.OUT, Direction.IN] * 2
    assert [message.standing for message in done.messages] == [Standing.OWN, Standing.ANSWER] * 2
    kept = b"".join(message.body for message in done.messages)
    assert SECRET.encode() not in kept
    assert basic_auth("key", SECRET).encode() not in kept


async def test_other_goods_name_an_account_or_nobody() -> None:
    direct = msgspec.structs.replace(MOBILE, kind=GoodsKind.DIRECT, account="QQ/88 8")
    _, party = await ask(lambda dtone: dtone.submit(direct), CREATED, CONFIRMED)
    assert json.loads(party.bodies[0])["credit_party_identifier"] == {"account_number": "QQ/88 8"}
    _, party = await ask(lambda dtone: dtone.submit(CARD), CREATED, CONFIRMED)
    assert "credit_party_identifier" not in json.loads(party.bodies[0])


@pytest.mark.parametrize(
    ("prices", "reason", "code"),
    [
        ({"wholesale": {"unit": "USD", "amount": 7.2, "fee": 0}}, Reason.PRICE_CHANGED, "price_above_safe"),
        ({"wholesale": {"unit": "EUR", "amount": 1, "fee": 0}}, Reason.SUPPLIER_ERROR, "price_unreadable"),
        ({"wholesale": {"unit": "USD", "amount": "1"}}, Reason.SUPPLIER_ERROR, "price_unreadable"),
        (None, Reason.SUPPLIER_ERROR, "price_unreadable"),
    ],
)
async def test_a_price_that_is_not_ours_is_cancelled_and_never_confirmed(
    prices: object, reason: Reason, code: str
) -> None:
    made = answer(told(1, prices=prices), "201 Created")
    done, party = await ask(SUBMIT, made, CANCELLED)
    assert (done.state, done.reason, done.code) == (SupplyState.REFUSED, reason, code)
    assert paths(party)[1:] == ["POST /transactions/987/cancel"]


@pytest.mark.parametrize(
    "ended", [None, error(1007007), answer(told(2), "202 Accepted"), answer(told(5)), http(b"nonsense")]
)
async def test_a_cancellation_that_is_not_confirmed_leaves_it_unknown(ended: bytes | None) -> None:
    dear = answer(told(1, prices={"wholesale": {"unit": "USD", "amount": 9, "fee": 0}}), "201 Created")
    done, _ = await ask(SUBMIT, dear, ended)
    assert done.state is SupplyState.UNKNOWN


@pytest.mark.parametrize(
    "ended",
    [
        None,
        http(b"Internal Server Error", "500 Internal Server Error", "text/plain"),
        http(b"<html>404</html>", "404 Not Found", "text/html"),
        http(b"hello"),
        answer(told(2)),  # not the status that is promised
        answer(told(2, external_id="B1T1"), "202 Accepted"),
        answer({"errors": []}, "500 Internal Server Error"),
        error(1009001, "500 Internal Server Error"),
        error(1009503, "503 Service Unavailable"),
        error(1007002),
        error(1007004),
        error(1000400),
    ],
)
async def test_after_the_confirmation_went_out_nothing_is_a_refusal(ended: bytes | None) -> None:
    """F9: whatever the answer is, it may have been confirmed."""
    done, party = await ask(SUBMIT, CREATED, ended)
    assert (done.state, len(party.heads)) == (SupplyState.UNKNOWN, 2)
    assert done.code


async def test_a_confirmation_turned_away_for_coming_too_often_is_tried_again() -> None:
    """Confirming twice confirms once; giving up at once would cancel a paid order's transaction."""
    away = error(1000429, "429 Too Many Requests")
    done, party = await ask(SUBMIT, CREATED, away, away, CONFIRMED)
    assert (done.state, len(party.heads), len(done.messages)) == (SupplyState.PROCESSING, 4, 8)
    done, party = await ask(SUBMIT, CREATED, away)
    assert (done.state, done.code, len(party.heads)) == (SupplyState.UNKNOWN, "1000429", 4)
    done, party = await ask(SUBMIT, CREATED, away, error(1007002))
    assert (done.state, done.reason) == (SupplyState.UNKNOWN, Reason.DUPLICATE)


async def test_a_confirmation_may_be_rejected_by_the_platform() -> None:
    words = "REJECTED-LIMITATIONS-ON-CREDIT-PARTY-AMOUNT"
    done, _ = await ask(SUBMIT, CREATED, answer(told(3, words), "202 Accepted"))
    assert (done.state, done.reason, done.code) == (SupplyState.REFUSED, Reason.VELOCITY, words)
    assert done.credited_fen == done.cost_fen == 5037


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        (1000400, "400 Bad Request", Reason.SUPPLIER_ERROR),
        (1000401, "401 Unauthorized", Reason.SUPPLIER_ERROR),
        (1003001, "404 Not Found", Reason.OFF_SALE),
        (1005003, "400 Bad Request", Reason.WRONG_ACCOUNT),
        (1006001, "400 Bad Request", Reason.PREFUND_SHORT),
        (1009503, "503 Service Unavailable", Reason.MAINTENANCE),
    ],
)
async def test_a_creation_refused_with_the_vendors_code(code: int, status: str, reason: Reason) -> None:
    done, party = await ask(SUBMIT, error(code, status))
    assert (done.state, done.reason, done.code) == (SupplyState.REFUSED, reason, str(code))
    assert (done.text, len(party.heads)) == (f"words of {code}", 1)


@pytest.mark.parametrize(
    ("ended", "reason"),
    [
        (error(1007001), Reason.DUPLICATE),
        (error(1009001, "500 Internal Server Error"), None),
        (error(1234567), None),
        (http(b"bad gateway", "502 Bad Gateway", "text/html"), None),
        (answer([], "201 Created"), None),
        (answer(told(1)), None),
        (answer(told(1, external_id="B1T1"), "201 Created"), None),
        (answer(told(1, product={"id": 7}), "201 Created"), None),
        (http(b"x" * (ANSWER_BYTES_MAX + 1), "201 Created"), None),
        (None, None),
    ],
)
async def test_a_creation_that_proves_nothing_is_unknown_and_not_confirmed(
    ended: bytes | None, reason: Reason | None
) -> None:
    done, party = await ask(SUBMIT, ended)
    assert (done.state, done.reason, len(party.heads)) == (SupplyState.UNKNOWN, reason, 1)


async def test_not_sent_only_when_turned_away_or_never_connected() -> None:
    done, _ = await ask(SUBMIT, error(1000429, "429 Too Many Requests"))
    assert done.state is SupplyState.NOT_SENT
    async with dtone_at(await refused_url()) as dtone:
        assert (await dtone.submit(MOBILE)).state is SupplyState.NOT_SENT


@pytest.mark.parametrize(
    ("changes", "code", "reason"),
    [
        ({"quantity": 2}, "quantity_unsupported", Reason.SUPPLIER_ERROR),
        ({"account": "12"}, "phone_invalid", Reason.WRONG_ACCOUNT),
        ({"supplier_product": "abc"}, "product_invalid", Reason.SUPPLIER_ERROR),
    ],
)
async def test_what_this_supplier_cannot_sell_is_refused_without_a_call(
    changes: dict[str, Any], code: str, reason: Reason
) -> None:
    request = msgspec.structs.replace(MOBILE, **changes)
    done, party = await ask(lambda dtone: dtone.submit(request), CREATED)
    assert (done.state, done.code, done.reason, party.heads) == (SupplyState.REFUSED, code, reason, [])
    assert done.messages[0].standing is Standing.OWN


@pytest.mark.parametrize("changes", [{"attempt_no": ""}, {"attempt_no": "9" * 41}, {"quantity": 0}])
async def test_a_request_without_a_number_is_our_own_mistake(changes: dict[str, Any]) -> None:
    with pytest.raises(Problem, match="supply_invalid"):
        await ask(lambda dtone: dtone.submit(msgspec.structs.replace(MOBILE, **changes)), CREATED)


# -- query -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("class_id", "state"),
    [
        (2, SupplyState.PROCESSING),
        (3, SupplyState.REFUSED),
        (4, SupplyState.REFUSED),
        (5, SupplyState.PROCESSING),
        (7, SupplyState.SUCCEEDED),
        (8, SupplyState.REVERSED),
        (9, SupplyState.REFUSED),
        (6, SupplyState.UNKNOWN),
    ],
)
async def test_a_query_reads_the_class(class_id: int, state: SupplyState) -> None:
    done, party = await ask(QUERY, answer([told(class_id)]))
    assert (done.state, paths(party)) == (state, ["GET /transactions?external_id=A1T1"])
    gone = state in (SupplyState.REFUSED, SupplyState.REVERSED)
    assert (done.cost_fen, done.credited_fen) == (5037, 5037 if gone else None)


async def test_our_number_is_escaped_in_the_address() -> None:
    _, party = await ask(lambda dtone: dtone.query("A&x=T1#", GoodsKind.MOBILE), answer([]))
    assert paths(party) == ["GET /transactions?external_id=A%26x%3DT1%23"]


@pytest.mark.parametrize("ended", [answer([]), error(1008004, "404 Not Found")])
async def test_no_such_transaction_is_not_found(ended: bytes) -> None:
    done, _ = await ask(QUERY, ended)
    assert done.state is SupplyState.NOT_FOUND


@pytest.mark.parametrize(
    "ended",
    [
        None,
        error(1000401, "401 Unauthorized"),
        error(1000404, "404 Not Found"),
        error(1000429, "429 Too Many Requests"),
        error(1009001, "500 Internal Server Error"),
        http(b"<html>404</html>", "404 Not Found", "text/html"),
        answer({}),
        answer([told(7, external_id="A1T2")]),
        answer([told(7, external_id="A1T10"), told(9, external_id="a1t1")]),
        answer([told(7), told(9)]),
        answer([{"external_id": "A1T1"}]),
        http(b"[", "200 OK"),
    ],
)
async def test_any_other_answer_to_a_query_is_unknown(ended: bytes | None) -> None:
    """Among them the list's habit to tell of strangers: only the very number counts."""
    done, _ = await ask(QUERY, ended)
    assert done.state is SupplyState.UNKNOWN


async def test_what_was_just_created_is_left_to_whoever_is_confirming_it() -> None:
    young = told(1, creation_date="2026-03-01T03:58:30.000000000Z")
    done, party = await ask(QUERY, answer([young]))
    assert (done.state, done.code, len(party.heads)) == (SupplyState.PROCESSING, "not_confirmed", 1)
    done, party = await ask(QUERY, answer([told(1, creation_date=None)]))
    assert (done.state, len(party.heads)) == (SupplyState.PROCESSING, 1)


async def test_what_was_left_unconfirmed_is_cancelled_when_it_is_asked_about() -> None:
    """A crash between creating and confirming (F20): the money that is held comes back, nothing is topped up."""
    old = told(1, creation_date="2026-03-01T03:58:00.000000000Z")
    done, party = await ask(QUERY, answer([old]), CANCELLED)
    assert (done.state, done.code, done.reason) == (
        SupplyState.REFUSED,
        "not_confirmed",
        Reason.SUPPLIER_ERROR,
    )
    assert paths(party)[1:] == ["POST /transactions/987/cancel"]
    done, _ = await ask(QUERY, answer([old]), error(1007007))
    assert done.state is SupplyState.UNKNOWN


async def test_a_gift_card_is_delivered_and_its_pin_kept_out_of_the_messages() -> None:
    full = told(7, pin={"serial": "SN-77", "code": "1111-2222"}, operator_reference="R9")
    done, _ = await ask(lambda dtone: dtone.query("A1T1", GoodsKind.CARD), answer([full]))
    assert done.state is SupplyState.SUCCEEDED
    assert [(card.number, card.password) for card in done.cards] == [("SN-77", "1111-2222")]
    kept = b"".join(message.body for message in done.messages)
    assert b"1111-2222" not in kept
    assert b"SN-77" not in kept
    assert done.feedback == {
        "order_id": "987",
        "order_state": "COMPLETED",
        "recharge_description": "COMPLETED",
        "operator_serial_number": "R9",
    }


@pytest.mark.parametrize(
    ("pin", "quantity"), [(None, 1), ({"serial": "S", "code": ""}, 1), ({"serial": "S", "code": "1"}, 2)]
)
async def test_completed_without_the_pins_is_not_yet_success(pin: object, quantity: int) -> None:
    """F7."""
    done, _ = await ask(
        lambda dtone: dtone.query("A1T1", GoodsKind.CARD, quantity), answer([told(7, pin=pin)])
    )
    assert (done.state, done.code, done.cards) == (SupplyState.PROCESSING, "cards_missing", ())


# -- the rest --------------------------------------------------------------------------------------


async def test_the_balance_is_what_is_available_in_our_currency() -> None:
    rows = [
        {"id": 1, "unit_type": "CURRENCY", "unit": "EUR", "available": 9, "holding": 0},
        {"id": 2, "unit_type": "CURRENCY", "unit": "USD", "available": 100.01, "holding": 50},
    ]
    balance, _ = await ask(lambda dtone: dtone.balance(), answer(rows))
    assert (balance.known, balance.free_fen) == (True, 71242)
    for ended in (answer(rows[:1]), answer({}), error(1000401, "401 Unauthorized"), None):
        balance, _ = await ask(lambda dtone: dtone.balance(), ended)
        assert not balance.known


async def test_a_number_is_looked_up() -> None:
    found, party = await ask(
        lambda dtone: dtone.operators("138 0000 1234"), answer([{"name": "China Mobile"}])
    )
    assert (found[0], json.loads(party.bodies[0])) == (
        ("China Mobile",),
        {"mobile_number": "+8613800001234"},
    )
    assert (await ask(lambda dtone: dtone.operators("1"), None))[0] == ((), ())
    assert (await ask(lambda dtone: dtone.operators("13800001234"), None))[0][0] is None


async def test_a_callback_is_believed_to_name_its_attempt_and_nothing_more() -> None:
    async with dtone_at("http://127.0.0.1:1") as dtone:
        query = callback_address("", "A1T1", SECRET)[1:]
        body = json.dumps(told(7, pin={"serial": "SN-77", "code": "1111-2222"})).encode()

        def read(query: str, body: bytes) -> tuple[str, Standing]:
            hint = dtone.read_callback(HttpMessage(method="POST", query=query, headers={}, body=body))
            assert b"1111-2222" not in hint.message.body
            return hint.attempt_no, hint.message.standing

        assert read(query, body) == ("A1T1", Standing.HINT)
        nobody = ("", Standing.FORGED)
        assert read("", body) == nobody
        assert read(query.replace("A1T1", "A1T2"), body) == nobody
        assert read(query, body.replace(b"A1T1", b"A1T2")) == nobody
        for wrong in (b"", b"{}", b"[]", body[:-1], body * 2, b"\xff", b" " * (ANSWER_BYTES_MAX + 1)):
            assert read(query, wrong) == nobody
        assert (dtone.acknowledge(accepted=True).status, dtone.acknowledge(accepted=False).status) == (
            200,
            503,
        )
        await dtone.aclose()


def test_settings_show_no_keys_and_a_rate_must_be_one() -> None:
    settings = DtOneSettings(
        url="u", api_key="key-1", api_secret=SECRET, callback_url="c", currency="USD", fen_per_unit="7"
    )
    for shown in (repr(settings), pretty_repr(settings)):
        assert SECRET not in shown
        assert "key-1" not in shown
    for rate in ("0", "-1", "seven", "NaN", "Infinity"):
        with pytest.raises(Problem, match="dtone_rate_invalid"):
            DtOne(msgspec.structs.replace(settings, fen_per_unit=rate), Outbound(), ManualClock(NOW))
