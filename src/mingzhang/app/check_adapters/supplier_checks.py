"""What every supplier must do, whatever its wire: run against a party over HTTP."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from mingzhang.app.check_adapters.rig import WAIT_SECONDS, SupplierRig, new_order
from mingzhang.app.check_adapters.suite import Failed, Suite, among, equal, holds
from mingzhang.evidence.messages import Direction, HttpMessage, Message, Standing
from mingzhang.fulfilment.suppliers.base import GoodsKind, Reason, SupplyAnswer, SupplyRequest, SupplyState

SUPPLIER = Suite()
OPEN = (SupplyState.PROCESSING, SupplyState.UNKNOWN, SupplyState.NOT_FOUND)
KINDS = list(GoodsKind)


def held(messages: tuple[Message, ...], rig: SupplierRig) -> None:
    """Every answer brings its raw messages: ours first, without secrets."""
    equal(messages[0].direction, Direction.OUT)
    equal(messages[0].standing, Standing.OWN)
    holds(all(message.party == rig.supplier.name for message in messages))
    holds(all(secret.encode() not in message.body for message in messages for secret in rig.secrets))


async def until_final(rig: SupplierRig, request: SupplyRequest) -> SupplyAnswer:
    """Ask by the number until the supplier has a last word."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        answer = await rig.supplier.query(request.attempt_no, request.kind, request.quantity)
        if answer.state not in OPEN:
            return answer
        await asyncio.sleep(0.05)
    raise Failed(f"no last word on {request.attempt_no}")


async def in_books(rig: SupplierRig, request: SupplyRequest) -> list[dict[str, Any]]:
    rows = (await rig.books())["orders"]
    return [row for row in rows if row["customer_order_no"] == request.attempt_no]


# -- the ordinary path -----------------------------------------------------------------------------


@SUPPLIER.over(("kind",), KINDS)
async def submit_then_query_to_success(supplier: SupplierRig, kind: GoodsKind) -> None:
    request = supplier.request(new_order(), kind)
    sent = await supplier.supplier.submit(request)
    held(sent.messages, supplier)
    if "at_once" in supplier.has:
        equal((sent.state, len(sent.cards)), (SupplyState.SUCCEEDED, request.quantity))
    else:
        equal((sent.state, sent.cards), (SupplyState.PROCESSING, ()))
    done = await until_final(supplier, request)
    held(done.messages, supplier)
    (row,) = await in_books(supplier, request)
    equal((done.state, done.cost_fen), (SupplyState.SUCCEEDED, row["cost_fen"]))
    equal(done.supplier_order_id, row["order_id"])
    equal(bool(done.serial), "serial" in supplier.tells)
    equal(done.finished_at is not None, "finished_at" in supplier.tells)
    equal([(card.number, card.password) for card in done.cards], [tuple(card) for card in row["cards"]])
    equal(len(done.cards), request.quantity if kind is GoodsKind.CARD else 0)
    equal(row["quantity"], request.quantity)
    equal(row["topups_executed"], 1)


@SUPPLIER.check
async def feedback_never_tells_cost_or_cards(supplier: SupplierRig) -> None:
    """R40 and ledger.md: only allow-listed words reach the buyer."""
    request = supplier.request(new_order(), GoodsKind.CARD)
    await supplier.supplier.submit(request)
    done = await until_final(supplier, request)
    allowed = {"order_id", "order_state", "recharge_description", "operator_serial_number", "finish_time"}
    holds(set(done.feedback) <= allowed)
    shown = " ".join(done.feedback.values())
    holds(all(card.password not in shown and card.number not in shown for card in done.cards))
    raw = b"".join(message.body for message in done.messages)
    holds(all(card.password.encode() not in raw for card in done.cards))


@SUPPLIER.check
async def the_balance_falls_by_what_was_charged(supplier: SupplierRig) -> None:
    supplier.need("balance")
    before = await supplier.supplier.balance()
    request = supplier.request(new_order(), GoodsKind.DIRECT)
    await supplier.supplier.submit(request)
    after = await supplier.supplier.balance()
    (row,) = await in_books(supplier, request)
    held(before.messages, supplier)
    holds(before.known)
    holds(after.known)
    equal(before.free_fen - after.free_fen, row["charged_fen"])


@SUPPLIER.check
async def an_order_nobody_sent_is_not_found(supplier: SupplierRig) -> None:
    asked = await supplier.supplier.query(f"{new_order()}T1", GoodsKind.MOBILE)
    # Only a table of our own is proof that nothing was sent.
    equal(asked.state, SupplyState.NOT_SENT if "own_table" in supplier.has else SupplyState.NOT_FOUND)


# -- unknown ---------------------------------------------------------------------------------------


@SUPPLIER.over(
    ("name",),
    [
        "timeout_after_acceptance",
        "unknown_http500",
        "unknown_non_json",
        "unknown_html404_after_acceptance",
        "unknown_9999",
        "duplicate_number",
    ],
)
async def unknown_after_acceptance_is_found_by_its_number(supplier: SupplierRig, name: str) -> None:
    """F9: the supplier charged us and answered nonsense; one top-up, found by asking."""
    order = new_order()
    await supplier.fault(order, name)
    request = supplier.request(order, GoodsKind.MOBILE)
    sent = await supplier.hasty.submit(request)
    held(sent.messages, supplier)
    equal(sent.state, SupplyState.UNKNOWN)
    equal((await until_final(supplier, request)).state, SupplyState.SUCCEEDED)
    (row,) = await in_books(supplier, request)
    equal(row["topups_executed"], 1)


@SUPPLIER.check
async def unknown_before_acceptance_stays_not_found(supplier: SupplierRig) -> None:
    order = new_order()
    await supplier.fault(order, "timeout_before_acceptance")
    request = supplier.request(order, GoodsKind.MOBILE)
    equal((await supplier.hasty.submit(request)).state, SupplyState.UNKNOWN)
    equal((await supplier.supplier.query(request.attempt_no, request.kind)).state, SupplyState.NOT_FOUND)
    equal(await in_books(supplier, request), [])


@SUPPLIER.over(("kind",), KINDS)
async def the_same_number_twice_is_unknown_and_bought_once(supplier: SupplierRig, kind: GoodsKind) -> None:
    """F9, F20: a duplicate is no refusal; the first one counts."""
    request = supplier.request(new_order(), kind)
    await supplier.supplier.submit(request)
    again = await supplier.supplier.submit(request)
    if "at_once" in supplier.has:
        equal(again.state, SupplyState.SUCCEEDED)
    else:
        equal(again.state, SupplyState.PROCESSING if "own_table" in supplier.has else SupplyState.UNKNOWN)
    equal((await until_final(supplier, request)).state, SupplyState.SUCCEEDED)
    (row,) = await in_books(supplier, request)
    equal(row["topups_executed"], 1)


@SUPPLIER.check
async def not_found_then_found(supplier: SupplierRig) -> None:
    order = new_order()
    await supplier.fault(order, "query_not_found_then_found", times=2)
    request = supplier.request(order, GoodsKind.MOBILE)
    await supplier.supplier.submit(request)
    first = [(await supplier.supplier.query(request.attempt_no, request.kind)).state for _ in range(2)]
    equal(first, [SupplyState.NOT_FOUND] * 2)
    equal((await until_final(supplier, request)).state, SupplyState.SUCCEEDED)


@SUPPLIER.check
async def an_unknown_query_is_asked_again(supplier: SupplierRig) -> None:
    order = new_order()
    await supplier.fault(order, "query_unknown", times=1)
    request = supplier.request(order, GoodsKind.MOBILE)
    await supplier.supplier.submit(request)
    asked = await supplier.supplier.query(request.attempt_no, request.kind)
    equal(asked.state, SupplyState.UNKNOWN)
    equal((await until_final(supplier, request)).state, SupplyState.SUCCEEDED)


@SUPPLIER.check
async def turned_away_for_coming_too_often_may_be_sent_again(supplier: SupplierRig) -> None:
    order = new_order()
    await supplier.fault(order, "rate_limited_429", times=1)
    request = supplier.request(order, GoodsKind.MOBILE)
    equal((await supplier.supplier.submit(request)).state, SupplyState.NOT_SENT)
    equal(await in_books(supplier, request), [])
    equal((await supplier.supplier.submit(request)).state, SupplyState.PROCESSING)


@SUPPLIER.check
async def silence_goes_on_until_it_is_decided(supplier: SupplierRig) -> None:
    order = new_order()
    await supplier.fault(order, "silent")
    request = supplier.request(order, GoodsKind.MOBILE)
    await supplier.supplier.submit(request)
    equal((await supplier.supplier.query(request.attempt_no, request.kind)).state, SupplyState.PROCESSING)
    await supplier.world.tell("POST", "/decide", {"order": order, "outcome": "success"})
    equal((await until_final(supplier, request)).state, SupplyState.SUCCEEDED)


@SUPPLIER.check
async def answers_of_a_stranger_are_unknown(supplier: SupplierRig) -> None:
    """Calls and answers under another secret: believed in nothing, and nothing is bought."""
    supplier.need("secret")
    request = supplier.request(new_order(), GoodsKind.MOBILE)
    asked = await supplier.stranger.query(request.attempt_no, request.kind)
    balance = await supplier.stranger.balance()
    equal(asked.state, SupplyState.UNKNOWN)
    holds(not balance.known)
    await supplier.stranger.submit(request)
    equal(await in_books(supplier, request), [])


@SUPPLIER.check
async def a_party_that_is_down_raises_nothing(supplier: SupplierRig) -> None:
    supplier.need("outage")
    request = supplier.request(new_order(), GoodsKind.MOBILE)
    await supplier.world.down(supplier.party, down=True)
    try:
        sent = await supplier.supplier.submit(request)
        asked = await supplier.supplier.query(request.attempt_no, request.kind)
        balance = await supplier.supplier.balance()
    finally:
        await supplier.world.down(supplier.party, down=False)
    among(sent.state, (SupplyState.UNKNOWN, SupplyState.NOT_SENT))
    equal((asked.state, balance.known), (SupplyState.UNKNOWN, False))


@SUPPLIER.check
async def where_nobody_listens_nothing_was_sent(supplier: SupplierRig) -> None:
    supplier.need("outage")
    request = supplier.request(new_order(), GoodsKind.MOBILE)
    sent = await supplier.unreachable.submit(request)
    held(sent.messages, supplier)
    equal(sent.state, SupplyState.NOT_SENT)
    equal((await supplier.unreachable.query(request.attempt_no, request.kind)).state, SupplyState.UNKNOWN)


# -- refusals --------------------------------------------------------------------------------------


@SUPPLIER.over(
    ("name", "reason"),
    [
        ("insufficient_balance", Reason.PREFUND_SHORT),
        ("maintenance", Reason.MAINTENANCE),
        ("stock_out", Reason.STOCK_OUT),
        ("wrong_account", Reason.WRONG_ACCOUNT),
    ],
)
async def refused_at_once_with_a_reason(supplier: SupplierRig, name: str, reason: Reason) -> None:
    """R23, F10."""
    supplier.need("prompt_refusal")
    order = new_order()
    await supplier.fault(order, name)
    request = supplier.request(order, GoodsKind.MOBILE)
    sent = await supplier.supplier.submit(request)
    held(sent.messages, supplier)
    equal(sent.state, SupplyState.REFUSED)
    # A supplier without stock of its own says instead that it does not sell the product.
    among(sent.reason, {reason, Reason.OFF_SALE} if reason is Reason.STOCK_OUT else {reason})
    holds(sent.code)
    holds(sent.text)
    equal(await in_books(supplier, request), [])


@SUPPLIER.over(("kind",), KINDS)
async def a_cost_above_the_safe_one_is_refused(supplier: SupplierRig, kind: GoodsKind) -> None:
    order = new_order()
    await supplier.fault(order, "price_above_safe", percent=20)
    sent = await supplier.supplier.submit(supplier.request(order, kind))
    equal((sent.state, sent.reason), (SupplyState.REFUSED, Reason.PRICE_CHANGED))


@SUPPLIER.over(
    ("name", "reason"),
    [
        ("account_banned", Reason.ACCOUNT_BANNED),
        ("velocity_refused", Reason.VELOCITY),
        ("region_refused", Reason.WRONG_REGION),
    ],
)
async def failed_after_acceptance_with_a_reason(supplier: SupplierRig, name: str, reason: Reason) -> None:
    """R21, R22, R23."""
    order = new_order()
    await supplier.fault(order, name)
    request = supplier.request(order, GoodsKind.DIRECT)
    equal((await supplier.supplier.submit(request)).state, SupplyState.PROCESSING)
    done = await until_final(supplier, request)
    equal((done.state, done.reason), (SupplyState.REFUSED, reason))
    holds(done.text)
    (row,) = await in_books(supplier, request)
    equal((row["topups_executed"], row["credited_fen"]), (0, row["charged_fen"]))


@SUPPLIER.check
async def a_part_that_came_back_is_marked(supplier: SupplierRig) -> None:
    order = new_order()
    await supplier.fault(order, "partial_refund")
    request = supplier.request(order, GoodsKind.DIRECT)
    await supplier.supplier.submit(request)
    done = await until_final(supplier, request)
    equal((done.state, done.code), (SupplyState.REFUSED, "partial_credit"))


@SUPPLIER.check
async def success_then_taken_back(supplier: SupplierRig) -> None:
    """F19."""
    order = new_order()
    await supplier.fault(order, "success_then_reversed", s=20)
    request = supplier.request(order, GoodsKind.MOBILE)
    await supplier.supplier.submit(request)
    equal((await until_final(supplier, request)).state, SupplyState.SUCCEEDED)
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        answer = await supplier.supplier.query(request.attempt_no, request.kind)
        if answer.state is not SupplyState.SUCCEEDED:
            break
        await asyncio.sleep(0.05)
    equal(answer.state, SupplyState.REVERSED)


# -- cards -----------------------------------------------------------------------------------------


@SUPPLIER.check
async def success_without_cards_is_not_yet_success(supplier: SupplierRig) -> None:
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
        equal(answer.state, SupplyState.PROCESSING)
        await asyncio.sleep(0.05)
    equal(len(answer.cards), request.quantity)
    equal(seen.count("cards_missing"), 2)


@SUPPLIER.over(("name",), ["too_few_cards", "same_card_twice"])
async def too_few_cards_are_no_success(supplier: SupplierRig, name: str) -> None:
    order = new_order()
    await supplier.fault(order, name)
    request = supplier.request(order, GoodsKind.CARD)
    await supplier.supplier.submit(request)
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        answer = await supplier.supplier.query(request.attempt_no, request.kind, request.quantity)
        equal(answer.state, SupplyState.PROCESSING)
        if answer.code == "cards_missing":
            break
        await asyncio.sleep(0.05)
    equal((answer.code, answer.cards, bool(answer.text)), ("cards_missing", (), True))


# -- callbacks -------------------------------------------------------------------------------------


@SUPPLIER.check
async def a_callback_is_a_hint_to_ask(supplier: SupplierRig) -> None:
    supplier.need("callback")
    request = supplier.request(new_order(), GoodsKind.MOBILE)
    await supplier.supplier.submit(request)

    def about(message: HttpMessage) -> bool:
        return supplier.supplier.read_callback(message).attempt_no == request.attempt_no

    hint = supplier.supplier.read_callback(await supplier.inbox.until(about))
    equal(hint.message.standing, Standing.HINT)
    asked = await supplier.supplier.query(hint.attempt_no, request.kind)
    equal(asked.state, SupplyState.SUCCEEDED)


@SUPPLIER.check
async def a_rearranged_callback_settles_nothing(supplier: SupplierRig) -> None:
    """F4: its signature may even fit; the query says what is true."""
    order = new_order()
    await supplier.fault(order, "forged_callback")
    await supplier.fault(order, "silent")
    request = supplier.request(order, GoodsKind.MOBILE)
    await supplier.supplier.submit(request)
    came = await supplier.inbox.until(lambda message: request.attempt_no.encode() in message.body)
    hint = supplier.supplier.read_callback(came)
    among(hint.message.standing, (Standing.HINT, Standing.FORGED))
    asked = await supplier.supplier.query(request.attempt_no, request.kind)
    equal(asked.state, SupplyState.PROCESSING)


@SUPPLIER.check
async def a_changed_callback_names_nothing(supplier: SupplierRig) -> None:
    supplier.need("callback")
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
        equal((hint.attempt_no, hint.message.standing), ("", Standing.FORGED))
