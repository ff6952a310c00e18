"""What every supplier must do, whatever its wire: run against the simulated party over HTTP."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from rigs import WAIT_SECONDS, SupplierRig, new_order

from mingzhang.evidence.messages import Direction, HttpMessage, Message, Standing
from mingzhang.fulfilment.suppliers.base import GoodsKind, Reason, SupplyAnswer, SupplyRequest, SupplyState

OPEN = (SupplyState.PROCESSING, SupplyState.UNKNOWN, SupplyState.NOT_FOUND)
KINDS = list(GoodsKind)


def held(messages: tuple[Message, ...], rig: SupplierRig) -> None:
    """Every answer brings its raw messages: ours first, without secrets."""
    assert messages[0].direction is Direction.OUT
    assert messages[0].standing is Standing.OWN
    assert all(message.party == rig.supplier.name for message in messages)
    assert all(secret.encode() not in message.body for message in messages for secret in rig.secrets)


async def until_final(rig: SupplierRig, request: SupplyRequest) -> SupplyAnswer:
    """Ask by the number until the supplier has a last word."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        answer = await rig.supplier.query(request.attempt_no, request.kind, request.quantity)
        if answer.state not in OPEN:
            return answer
        await asyncio.sleep(0.05)
    raise AssertionError(f"no last word on {request.attempt_no}")


async def in_books(rig: SupplierRig, request: SupplyRequest) -> list[dict[str, Any]]:
    rows = (await rig.books())["orders"]
    return [row for row in rows if row["customer_order_no"] == request.attempt_no]


# -- the ordinary path -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_submit_then_query_to_success(supplier: SupplierRig, kind: GoodsKind) -> None:
    request = supplier.request(new_order(), kind)
    sent = await supplier.supplier.submit(request)
    held(sent.messages, supplier)
    assert (sent.state, sent.cards) == (SupplyState.PROCESSING, ())
    done = await until_final(supplier, request)
    held(done.messages, supplier)
    (row,) = await in_books(supplier, request)
    assert (done.state, done.cost_fen) == (SupplyState.SUCCEEDED, row["cost_fen"])
    assert done.supplier_order_id == row["order_id"]
    assert bool(done.serial) == ("serial" in supplier.tells)
    assert (done.finished_at is not None) == ("finished_at" in supplier.tells)
    assert [(card.number, card.password) for card in done.cards] == [tuple(card) for card in row["cards"]]
    assert len(done.cards) == (request.quantity if kind is GoodsKind.CARD else 0)
    assert row["quantity"] == request.quantity
    assert row["topups_executed"] == 1


async def test_feedback_never_tells_cost_or_cards(supplier: SupplierRig) -> None:
    """R40 and ledger.md: only allow-listed words reach the buyer."""
    request = supplier.request(new_order(), GoodsKind.CARD)
    await supplier.supplier.submit(request)
    done = await until_final(supplier, request)
    allowed = {"order_id", "order_state", "recharge_description", "operator_serial_number", "finish_time"}
    assert set(done.feedback) <= allowed
    shown = " ".join(done.feedback.values())
    assert all(card.password not in shown and card.number not in shown for card in done.cards)
    raw = b"".join(message.body for message in done.messages)
    assert all(card.password.encode() not in raw for card in done.cards)


async def test_the_balance_falls_by_what_was_charged(supplier: SupplierRig) -> None:
    before = await supplier.supplier.balance()
    request = supplier.request(new_order(), GoodsKind.DIRECT)
    await supplier.supplier.submit(request)
    after = await supplier.supplier.balance()
    (row,) = await in_books(supplier, request)
    held(before.messages, supplier)
    assert before.known
    assert after.known
    assert before.free_fen - after.free_fen == row["charged_fen"]


async def test_an_order_nobody_sent_is_not_found(supplier: SupplierRig) -> None:
    asked = await supplier.supplier.query(f"{new_order()}T1", GoodsKind.MOBILE)
    assert asked.state is SupplyState.NOT_FOUND


# -- unknown ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "timeout_after_acceptance",
        "unknown_http500",
        "unknown_non_json",
        "unknown_html404_after_acceptance",
        "unknown_9999",
        "duplicate_number",
    ],
)
async def test_unknown_after_acceptance_is_found_by_its_number(supplier: SupplierRig, name: str) -> None:
    """F9: the supplier charged us and answered nonsense; one top-up, found by asking."""
    order = new_order()
    await supplier.fault(order, name)
    request = supplier.request(order, GoodsKind.MOBILE)
    sent = await supplier.hasty.submit(request)
    held(sent.messages, supplier)
    assert sent.state is SupplyState.UNKNOWN
    assert (await until_final(supplier, request)).state is SupplyState.SUCCEEDED
    (row,) = await in_books(supplier, request)
    assert row["topups_executed"] == 1


async def test_unknown_before_acceptance_stays_not_found(supplier: SupplierRig) -> None:
    order = new_order()
    await supplier.fault(order, "timeout_before_acceptance")
    request = supplier.request(order, GoodsKind.MOBILE)
    assert (await supplier.hasty.submit(request)).state is SupplyState.UNKNOWN
    assert (await supplier.supplier.query(request.attempt_no, request.kind)).state is SupplyState.NOT_FOUND
    assert await in_books(supplier, request) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_the_same_number_twice_is_unknown_and_bought_once(
    supplier: SupplierRig, kind: GoodsKind
) -> None:
    """F9, F20: a duplicate is no refusal; the first one counts."""
    request = supplier.request(new_order(), kind)
    await supplier.supplier.submit(request)
    again = await supplier.supplier.submit(request)
    assert again.state is SupplyState.UNKNOWN
    assert (await until_final(supplier, request)).state is SupplyState.SUCCEEDED
    (row,) = await in_books(supplier, request)
    assert row["topups_executed"] == 1


async def test_not_found_then_found(supplier: SupplierRig) -> None:
    order = new_order()
    await supplier.fault(order, "query_not_found_then_found", times=2)
    request = supplier.request(order, GoodsKind.MOBILE)
    await supplier.supplier.submit(request)
    first = [(await supplier.supplier.query(request.attempt_no, request.kind)).state for _ in range(2)]
    assert first == [SupplyState.NOT_FOUND] * 2
    assert (await until_final(supplier, request)).state is SupplyState.SUCCEEDED


async def test_an_unknown_query_is_asked_again(supplier: SupplierRig) -> None:
    order = new_order()
    await supplier.fault(order, "query_unknown", times=1)
    request = supplier.request(order, GoodsKind.MOBILE)
    await supplier.supplier.submit(request)
    asked = await supplier.supplier.query(request.attempt_no, request.kind)
    assert asked.state is SupplyState.UNKNOWN
    assert (await until_final(supplier, request)).state is SupplyState.SUCCEEDED


async def test_turned_away_for_coming_too_often_may_be_sent_again(supplier: SupplierRig) -> None:
    order = new_order()
    await supplier.fault(order, "rate_limited_429", times=1)
    request = supplier.request(order, GoodsKind.MOBILE)
    assert (await supplier.supplier.submit(request)).state is SupplyState.NOT_SENT
    assert await in_books(supplier, request) == []
    assert (await supplier.supplier.submit(request)).state is SupplyState.PROCESSING


async def test_silence_goes_on_until_it_is_decided(supplier: SupplierRig) -> None:
    order = new_order()
    await supplier.fault(order, "silent")
    request = supplier.request(order, GoodsKind.MOBILE)
    await supplier.supplier.submit(request)
    assert (await supplier.supplier.query(request.attempt_no, request.kind)).state is SupplyState.PROCESSING
    await supplier.simulator.tell("POST", "/decide", {"order": order, "outcome": "success"})
    assert (await until_final(supplier, request)).state is SupplyState.SUCCEEDED


async def test_answers_of_a_stranger_are_unknown(supplier: SupplierRig) -> None:
    """Calls and answers under another secret: believed in nothing, and nothing is bought."""
    request = supplier.request(new_order(), GoodsKind.MOBILE)
    asked = await supplier.stranger.query(request.attempt_no, request.kind)
    balance = await supplier.stranger.balance()
    assert asked.state is SupplyState.UNKNOWN
    assert not balance.known
    await supplier.stranger.submit(request)
    assert await in_books(supplier, request) == []


async def test_a_party_that_is_down_raises_nothing(supplier: SupplierRig) -> None:
    request = supplier.request(new_order(), GoodsKind.MOBILE)
    await supplier.simulator.down(supplier.party, down=True)
    try:
        sent = await supplier.supplier.submit(request)
        asked = await supplier.supplier.query(request.attempt_no, request.kind)
        balance = await supplier.supplier.balance()
    finally:
        await supplier.simulator.down(supplier.party, down=False)
    assert sent.state in (SupplyState.UNKNOWN, SupplyState.NOT_SENT)
    assert (asked.state, balance.known) == (SupplyState.UNKNOWN, False)


async def test_where_nobody_listens_nothing_was_sent(supplier: SupplierRig) -> None:
    request = supplier.request(new_order(), GoodsKind.MOBILE)
    sent = await supplier.unreachable.submit(request)
    held(sent.messages, supplier)
    assert sent.state is SupplyState.NOT_SENT
    assert (await supplier.unreachable.query(request.attempt_no, request.kind)).state is SupplyState.UNKNOWN


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("insufficient_balance", Reason.PREFUND_SHORT),
        ("maintenance", Reason.MAINTENANCE),
        ("stock_out", Reason.STOCK_OUT),
        ("wrong_account", Reason.WRONG_ACCOUNT),
    ],
)
async def test_refused_at_once_with_a_reason(supplier: SupplierRig, name: str, reason: Reason) -> None:
    """R23, F10."""
    order = new_order()
    await supplier.fault(order, name)
    request = supplier.request(order, GoodsKind.MOBILE)
    sent = await supplier.supplier.submit(request)
    held(sent.messages, supplier)
    assert sent.state is SupplyState.REFUSED
    # A supplier without stock of its own says instead that it does not sell the product.
    assert sent.reason in ({reason, Reason.OFF_SALE} if reason is Reason.STOCK_OUT else {reason})
    assert sent.code
    assert sent.text
    assert await in_books(supplier, request) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_cost_above_the_safe_one_is_refused(supplier: SupplierRig, kind: GoodsKind) -> None:
    order = new_order()
    await supplier.fault(order, "price_above_safe", percent=20)
    sent = await supplier.supplier.submit(supplier.request(order, kind))
    assert (sent.state, sent.reason) == (SupplyState.REFUSED, Reason.PRICE_CHANGED)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("account_banned", Reason.ACCOUNT_BANNED),
        ("velocity_refused", Reason.VELOCITY),
        ("region_refused", Reason.WRONG_REGION),
    ],
)
async def test_failed_after_acceptance_with_a_reason(
    supplier: SupplierRig, name: str, reason: Reason
) -> None:
    """R21, R22, R23."""
    order = new_order()
    await supplier.fault(order, name)
    request = supplier.request(order, GoodsKind.DIRECT)
    assert (await supplier.supplier.submit(request)).state is SupplyState.PROCESSING
    done = await until_final(supplier, request)
    assert (done.state, done.reason) == (SupplyState.REFUSED, reason)
    assert done.text
    (row,) = await in_books(supplier, request)
    assert (row["topups_executed"], row["credited_fen"]) == (0, row["charged_fen"])


async def test_a_part_that_came_back_is_marked(supplier: SupplierRig) -> None:
    order = new_order()
    await supplier.fault(order, "partial_refund")
    request = supplier.request(order, GoodsKind.DIRECT)
    await supplier.supplier.submit(request)
    done = await until_final(supplier, request)
    assert (done.state, done.code) == (SupplyState.REFUSED, "partial_credit")


async def test_success_then_taken_back(supplier: SupplierRig) -> None:
    """F19."""
    order = new_order()
    await supplier.fault(order, "success_then_reversed", s=20)
    request = supplier.request(order, GoodsKind.MOBILE)
    await supplier.supplier.submit(request)
    assert (await until_final(supplier, request)).state is SupplyState.SUCCEEDED
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        answer = await supplier.supplier.query(request.attempt_no, request.kind)
        if answer.state is not SupplyState.SUCCEEDED:
            break
        await asyncio.sleep(0.05)
    assert answer.state is SupplyState.REVERSED


# -- cards -----------------------------------------------------------------------------------------


async def test_success_without_cards_is_not_yet_success(supplier: SupplierRig) -> None:
    """F7."""
    order = new_order()
    await supplier.fault(order, "done_without_cards", times=2)
    request = supplier.request(order, GoodsKind.CARD)
    await supplier.supplier.submit(request)
    seen: list[str] = []
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        answer = await supplier.supplier.query(request.attempt_no, request.kind, request.quantity)
        seen.append(answer.code)
        if answer.state is SupplyState.SUCCEEDED:
            break
        assert answer.state is SupplyState.PROCESSING
        await asyncio.sleep(0.05)
    assert len(answer.cards) == request.quantity
    assert seen.count("cards_missing") == 2


@pytest.mark.parametrize("name", ["too_few_cards", "same_card_twice"])
async def test_too_few_cards_are_no_success(supplier: SupplierRig, name: str) -> None:
    order = new_order()
    await supplier.fault(order, name)
    request = supplier.request(order, GoodsKind.CARD)
    await supplier.supplier.submit(request)
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        answer = await supplier.supplier.query(request.attempt_no, request.kind, request.quantity)
        assert answer.state is SupplyState.PROCESSING
        if answer.code == "cards_missing":
            break
        await asyncio.sleep(0.05)
    assert (answer.code, answer.cards, bool(answer.text)) == ("cards_missing", (), True)


# -- callbacks -------------------------------------------------------------------------------------


async def test_a_callback_is_a_hint_to_ask(supplier: SupplierRig) -> None:
    request = supplier.request(new_order(), GoodsKind.MOBILE)
    await supplier.supplier.submit(request)

    def about(message: HttpMessage) -> bool:
        return supplier.supplier.read_callback(message).attempt_no == request.attempt_no

    hint = supplier.supplier.read_callback(await supplier.inbox.until(about))
    assert hint.message.standing is Standing.HINT
    asked = await supplier.supplier.query(hint.attempt_no, request.kind)
    assert asked.state is SupplyState.SUCCEEDED


async def test_a_rearranged_callback_settles_nothing(supplier: SupplierRig) -> None:
    """F4: its signature may even fit; the query says what is true."""
    order = new_order()
    await supplier.fault(order, "forged_callback")
    await supplier.fault(order, "silent")
    request = supplier.request(order, GoodsKind.MOBILE)
    await supplier.supplier.submit(request)
    came = await supplier.inbox.until(lambda message: request.attempt_no.encode() in message.body)
    hint = supplier.supplier.read_callback(came)
    assert hint.message.standing in (Standing.HINT, Standing.FORGED)
    asked = await supplier.supplier.query(request.attempt_no, request.kind)
    assert asked.state is SupplyState.PROCESSING


async def test_a_changed_callback_names_nothing(supplier: SupplierRig) -> None:
    request = supplier.request(new_order(), GoodsKind.MOBILE)
    await supplier.supplier.submit(request)
    came = await supplier.inbox.until(lambda message: request.attempt_no.encode() in message.body)
    other = request.attempt_no.replace("T1", "T2").encode()
    for body in (
        came.body.replace(request.attempt_no.encode(), other),
        came.body[:-3],
        b"",
        b"{}",
        came.body * 2,
    ):
        hint = supplier.supplier.read_callback(HttpMessage(method="POST", query="", headers={}, body=body))
        assert (hint.attempt_no, hint.message.standing) == ("", Standing.FORGED)
