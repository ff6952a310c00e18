"""The vocabulary (R44) is whole: every code an adapter maps, every reason the product writes, every word a reader needs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

import mingzhang
from mingzhang.app.http_vocabulary import vocabulary
from mingzhang.fulfilment import states as supply
from mingzhang.fulfilment.routing import MENDABLE
from mingzhang.fulfilment.stock import card_stock
from mingzhang.fulfilment.suppliers import dtone_codes, fulu_codes, kasushou_codes
from mingzhang.fulfilment.suppliers.base import Reason
from mingzhang.kit.vocabulary import REASONS, Area, Mend, Party, Then
from mingzhang.orders import states as orders
from mingzhang.payments import policy
from mingzhang.web import words

SOURCES = Path(next(iter(mingzhang.__path__)))
MAPPED: dict[str, Iterable[str]] = {
    "fulu": [*fulu_codes._REFUSALS.values(), *(reason for reason, _ in fulu_codes._WORDS)],
    "kasushou": [Reason.SUPPLIER_ERROR, *(reason for reason, _ in kasushou_codes._WORDS)],
    "dtone": [*dtone_codes._REFUSALS.values(), *(reason for _, reason in dtone_codes._STATUS_WORDS)],
    "stock": card_stock._WORDS,
}


@pytest.mark.parametrize("adapter", MAPPED)
def test_every_mapped_reason_of_every_adapter_is_in_the_vocabulary(adapter: str) -> None:
    for code in MAPPED[adapter]:
        assert REASONS[str(code)].area is Area.SUPPLY, code


def test_every_reason_has_words_a_responsible_party_and_what_happens_next() -> None:
    assert set(REASONS) == set(words.REASONS)
    assert {reason.value for reason in Reason} <= set(REASONS)
    assert set(words.RESPONSIBLE) == set(Party)
    assert set(words.NEXT) == set(Then)
    assert set(words.ORDER_STATES) == set(orders.TRANSITIONS)
    assert set(words.SUPPLY_STATES) == set(supply.TRANSITIONS)
    assert {str(case) for case in policy.POLICY} <= {*REASONS, "after_close"}


def test_every_reason_that_the_code_writes_is_in_the_vocabulary() -> None:
    written = set()
    for path in (
        path for name in ("orders", "payments", "refunds") for path in (SOURCES / name).rglob("*.py")
    ):
        text = path.read_text("utf-8")
        written |= set(re.findall(r"\breason=\"([a-z_]+)\"", text))
        written |= set(re.findall(r"start_refund\(\s*turn, \"([a-z_]+)\"", text))
        written |= set(re.findall(r"_needs_person\(turn, \"([a-z_]+)\"", text))
    assert len(written) >= 10
    assert written <= set(REASONS)


def test_how_a_reason_is_mended_and_what_follows_belong_together() -> None:
    assert {
        "velocity", "stock_out", "off_sale", "maintenance", "price_changed", "prefund_short", "supplier_error"
    } == MENDABLE  # fmt: skip
    for code, entry in REASONS.items():
        assert (entry.mend is Mend.FAILOVER) == (entry.then is Then.NEXT_SUPPLIER), code
        assert (entry.mend is Mend.CORRECTION) == (entry.then is Then.CORRECT), code
        assert entry.mend is not Mend.CORRECTION or entry.party is Party.BUYER, code


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (fulu_codes.refusal_of("3002", "商品已下架"), Reason.OFF_SALE),
        (fulu_codes.refusal_of("4002", "必须传入充值账号"), Reason.ACCOUNT_INCOMPLETE),
        (fulu_codes.refusal_of("4777", "不认识的说法"), None),  # no positive refusal: unknown, asked about
        (fulu_codes.reason_in("充值失败：号码已停机"), Reason.NUMBER_SUSPENDED),
        (fulu_codes.reason_in("充值失败：空号"), Reason.WRONG_ACCOUNT),
        (kasushou_codes.refusal_of("400", "商品不存在或已下架"), Reason.OFF_SALE),
        (kasushou_codes.refusal_of("400", "请填写充值账号"), Reason.ACCOUNT_INCOMPLETE),
        (kasushou_codes.reason_in("号码已销号"), Reason.NUMBER_SUSPENDED),
        (dtone_codes.refusal_of("1003001"), Reason.OFF_SALE),
        (dtone_codes.reason_of("DECLINED-SOMETHING-NEW"), Reason.SUPPLIER_ERROR),
    ],
)
def test_codes_and_words_of_suppliers_are_mapped(told: Reason | None, reason: Reason | None) -> None:
    assert told is reason


def test_machines_read_all_of_it() -> None:
    read = msgspec.json.decode(msgspec.json.encode(vocabulary()))
    assert {entry["code"] for entry in read["reasons"]} == set(REASONS)
    assert {state["code"] for state in read["states"]["order"]} == set(orders.TRANSITIONS)
    for entry in [*read["reasons"], *(state for table in read["states"].values() for state in table)]:
        assert entry["words"]["zh"]
        assert entry["words"]["en"] != entry["words"]["zh"]
