"""epay notifies: at best a hint, whatever they say; nothing makes the reader raise (F4, F5, F6)."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_epay_wire import KEY, OTHER

from mingzhang.evidence.messages import Direction, HttpMessage, Standing
from mingzhang.payments.channels.base import Notify, TradeState
from mingzhang.payments.channels.epay_notify import Refusal, read_notify
from mingzhang.payments.channels.epay_wire import Signing

SIGNING = Signing(KEY)
FIELDS = {
    "pid": "1001",
    "trade_no": "2026030112000912345",
    "out_trade_no": "P1",
    "type": "alipay",
    "name": "卡}100 &quot;x&quot; &amp; 50% = a+b",
    "money": "100.5",
    "trade_status": "TRADE_SUCCESS",
}


def query_of(signing: Signing = SIGNING, **changes: str) -> str:
    return urlencode(signing.signed({**FIELDS, **changes}))


def read(query: str, method: str = "GET", body: bytes = b"", signing: Signing = SIGNING) -> Notify:
    http = HttpMessage(method=method, query=query, headers={}, body=body)
    return read_notify(http, signing, party="epay", pid="1001")


def test_a_true_notify_is_a_hint_that_says_what_to_ask_for() -> None:
    query = query_of()
    notify = read(query)
    assert (notify.state, notify.payment_no, notify.amount_fen) == (TradeState.PAID, "P1", 10050)
    assert (notify.transaction_id, notify.refusal) == ("2026030112000912345", "")
    message = notify.message
    assert (message.standing, message.direction, message.party) == (Standing.HINT, Direction.IN, "epay")
    assert message.body == query.encode()


def test_a_posted_form_reads_alike() -> None:
    notify = read("", "POST", query_of().encode())
    assert (notify.state, notify.message.standing) == (TradeState.PAID, Standing.HINT)


@pytest.mark.parametrize(("money", "fen"), [("100", 10000), ("100.5", 10050), ("100.05", 10005), ("0.01", 1)])
def test_money_is_read_as_php_writes_it(money: str, fen: int) -> None:
    assert read(query_of(money=money)).amount_fen == fen


@pytest.mark.parametrize("money", ["", "0", "-1", "1e3", "1.001", "１", "NaN", "1,000", " 1", "9" * 40])
def test_money_that_is_none_moves_nothing(money: str) -> None:
    notify = read(query_of(money=money))
    assert (notify.refusal, notify.amount_fen, notify.state) == ("malformed", 0, TradeState.UNKNOWN)


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ("", Refusal.MALFORMED),
        ("sign=", Refusal.MALFORMED),
        ("{}", Refusal.MALFORMED),
        (query_of() + "&money=1", Refusal.MALFORMED),
        (query_of() + "&x=1", Refusal.BAD_SIGNATURE),
        (query_of()[:-8] + "SHA256&a", Refusal.MALFORMED),
        (query_of(Signing(OTHER)), Refusal.BAD_SIGNATURE),
        (query_of().replace("100.5", "900.5"), Refusal.BAD_SIGNATURE),
        (query_of().replace("sign_type=MD5", "sign_type=RSA"), Refusal.BAD_SIGNATURE),
        (query_of(pid="1002"), Refusal.WRONG_APP),
        (query_of(pid=""), Refusal.WRONG_APP),
        (query_of(out_trade_no=""), Refusal.MALFORMED),
        (query_of(trade_no=""), Refusal.MALFORMED),
        ("a=" + "x" * 300_000, Refusal.TOO_LARGE),
    ],
)
def test_refusals_in_order(query: str, refusal: Refusal) -> None:
    notify = read(query)
    assert (notify.refusal, notify.message.note) == (refusal.value, refusal.value)
    assert notify.message.standing is Standing.FORGED
    assert (notify.state, notify.amount_fen, notify.transaction_id) == (TradeState.UNKNOWN, 0, "")
    assert len(notify.message.body) <= 256 * 1024


def test_another_status_is_a_reason_to_ask_and_no_more() -> None:
    for status in ("TRADE_CLOSED", "success", ""):
        notify = read(query_of(trade_status=status))
        assert (notify.refusal, notify.message.standing) == ("unknown_state", Standing.HINT)
        assert (notify.state, notify.payment_no) == (TradeState.UNKNOWN, "P1")


@pytest.mark.parametrize("method", ["PUT", "HEAD", "DELETE", "get"])
def test_other_methods_are_refused(method: str) -> None:
    assert read(query_of(), method, query_of().encode()).refusal == "wrong_method"


def test_a_notify_under_the_key_before_is_heard_while_keys_change() -> None:
    assert read(query_of(Signing(OTHER)), signing=Signing(KEY, OTHER)).state is TradeState.PAID


@given(st.text(max_size=120), st.binary(max_size=120), st.sampled_from(["GET", "POST", "PATCH"]))
def test_nothing_makes_the_reader_raise_or_believe(query: str, body: bytes, method: str) -> None:
    notify = read(query, method, body)
    assert notify.message.standing is Standing.FORGED
    assert (notify.state, notify.amount_fen) == (TradeState.UNKNOWN, 0)
    assert notify.refusal in {refusal.value for refusal in Refusal}


names = st.sampled_from([*FIELDS, "param", "x"])


@given(st.dictionaries(names, st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=7))
def test_even_a_fitting_signature_is_never_verified(changes: dict[str, str]) -> None:
    notify = read(urlencode(SIGNING.signed({**FIELDS, **changes})))
    assert notify.message.standing in (Standing.HINT, Standing.FORGED)
