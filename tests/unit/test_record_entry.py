"""What a change says, byte for byte: the record of today must be made anew by every later version."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from mingzhang.transparency import verify_offline
from mingzhang.transparency.entry import EventRow, History, LegRow, canonical, changes_of, entry_data

SEED = bytes(range(32))
NAMES = st.text(st.characters(codec="ascii"), max_size=12)  # of members: the product's own words
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
BEGAN = datetime(2026, 11, 24, 2, 0, 57, 391900, tzinfo=UTC)
CITED = "ab" * 32


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_canonical_json_is_what_an_independent_library_writes(value: dict[str, object]) -> None:
    assert canonical(value) == rfc8785.dumps(value) == verify_offline.canonical(value)  # type: ignore[arg-type]


def _history(after: int = 0) -> History:
    """An order paid, sent and delivered in turns of their own."""
    told = (
        (1, "placed", "", {"product": "phone-100", "名": "话费 100 元\n"}),
        (2, "payment_opened", "", {"channel": "alipay"}),
        (3, "paid", CITED, {"channel": "alipay"}),
        (6, "sent", "", {"supplier": "fulu"}),
        (7, "supplier_processing", CITED, {"supplier": "fulu"}),
        (8, "delivered", CITED, {"supplier": "fulu"}),
    )
    moved = (
        (4, 2, "paid", "source.payer", "", "o", -10_000),
        (4, 2, "paid", "channel", "alipay", "o", 10_000),
        (5, 3, "dispatched", "channel", "alipay", "o", -9_850),
        (5, 3, "dispatched", "channel", "alipay", "L", 9_850),
        (5, 3, "dispatched", "supplier.free", "fulu", "F", -9_850),
        (5, 3, "dispatched", "supplier.reserved", "fulu#1", "o", 9_850),
        (9, 5, "supplier_succeeded", "supplier.reserved", "fulu#1", "o", -9_850),
        (9, 5, "supplier_succeeded", "supplier.settled", "fulu#1", "o", 9_850),
    )
    at = [BEGAN + timedelta(milliseconds=13 * n) for n in range(6)]
    events = [EventRow(seq, kind, at[n], cited, data) for n, (seq, kind, cited, data) in enumerate(told)]
    legs = [LegRow(seq, *rest, CITED, at[n]) for seq, n, *rest in moved]
    return History("M0002RZIID2DPC96WDM", 10_000, after, events, legs)


def test_what_an_order_went_through_is_told_in_the_same_bytes_for_ever() -> None:
    changes = changes_of(_history(), SEED)
    assert [change.shown["events"] for change in changes] == [
        ["placed"],
        ["payment_opened"],
        ["paid"],
        ["sent"],
        ["supplier_processing"],
        ["delivered"],
    ]
    assert [change.seq for change in changes] == [1, 2, 4, 6, 7, 9]
    assert [change.shown["money"] for change in changes] == [
        [],
        [],
        [["channel", "alipay", 10_000]],
        [["supplier.reserved", "fulu", 10_000]],
        [["supplier.reserved", "fulu", 10_000]],
        [["supplier.settled", "fulu", 10_000]],
    ]
    assert (
        hashlib.sha256(entry_data(changes)).hexdigest()
        == "9ef31edd67dadf0167b1e05e0c2322a02782cfb67a57a5edfc5416ff3d4b330f"
    )
    later = changes_of(_history(after=6), SEED)  # an entry that goes on after another
    assert [change.canonical() for change in later] == [change.canonical() for change in changes[4:]]


def test_salts_are_hmac_under_the_entrys_seed() -> None:
    for change in changes_of(_history(), SEED):
        for what, salt in ((f"{change.seq}", change.shown), (f"{change.seq}/sealed", change.sealed)):
            assert salt["salt"] == hmac.new(SEED, what.encode(), "sha256").hexdigest()[:32]
