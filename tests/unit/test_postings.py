"""Each row of the ledger's table on small figures: exact legs, refusals, what the buyer is shown (R8, R9)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from mingzhang.ledger import postings as rows
from mingzhang.ledger.model import (
    JournalRow,
    Replay,
    State,
    by_party,
    state_findings,
    subject_findings,
)
from mingzhang.ledger.moves import Leg, Posting, Refused, check
from mingzhang.ledger.places import CHANNEL, CUSTODY, FREE, PERMITTED, SETTLED, Account, Owner, sql_check

Legs = dict[tuple[str, str, str], int]
ALI: tuple[str, str] = (CHANNEL, "ali")
BANK: tuple[str, str] = (CUSTODY, "bank")


class Book:
    """One subject's balances, posting by posting."""

    def __init__(self, subject: str = "M1") -> None:
        self.subject = subject
        self.sums: Counter[Account] = Counter()
        self.journal: list[JournalRow] = []

    def post(self, name: str, *args: Any, **kwargs: Any) -> Legs:
        function = getattr(rows, name)
        plain = name in ("paid", "excess", "unexplained", "capital_in")
        return self.apply(function(self.subject, *(() if plain else (self.now(),)), *args, **kwargs))

    def apply(self, posting: Posting) -> Legs:
        legs = {(leg.place, leg.party, leg.owner): leg.amount_fen for leg in posting.legs}
        for leg in posting.legs:
            self.sums[Account(leg.place, leg.party, leg.owner)] += leg.amount_fen
            self.journal.append(JournalRow(f"{len(self.journal)}-{posting.row}", *leg, "e1"))
        return legs

    def now(self) -> dict[Account, int]:
        return {account: fen for account, fen in self.sums.items() if fen}

    def shown(self, price_fen: int = 1000) -> list[tuple[str, str, int]]:
        return [tuple(part) for part in rows.buyer_parts(self.now(), price_fen)]  # type: ignore[misc]


def paid() -> Book:
    book = Book()
    book.post("paid", channel="ali", amount_fen=1000)
    return book


def sent() -> Book:
    book = paid()
    book.post("dispatched", supplier="fulu", attempt=1, cost_fen=900, expected_fee_fen=6)
    return book


def delivered() -> Book:
    book = sent()
    book.post("supplier_succeeded", supplier="fulu", attempt=1, actual_cost_fen=900)
    return book


def settled() -> Book:
    book = delivered()
    book.post("channel_settled", channel="ali", fee_fen=6, net_fen=994)
    book.post("bank_received", channel="ali", bank="bank", amount_fen=994)
    return book


def refused(code: str) -> Any:
    return pytest.raises(Refused, match=f"^{code}")


def test_an_ordinary_order_needs_six_postings() -> None:
    book = Book()
    assert book.post("paid", channel="ali", amount_fen=1000) == {
        ("source.payer", "", "o"): -1000,
        ("channel", "ali", "o"): 1000,
    }
    assert book.shown() == [("channel", "ali", 1000)]
    assert book.post("dispatched", supplier="fulu", attempt=1, cost_fen=900, expected_fee_fen=6) == {
        ("channel", "ali", "o"): -900,
        ("channel", "ali", "L"): 900,
        ("supplier.free", "fulu", "F"): -900,
        ("supplier.reserved", "fulu#1", "o"): 900,
    }
    assert book.shown() == [("supplier.reserved", "fulu", 1000)]
    assert book.post("supplier_succeeded", supplier="fulu", attempt=1, actual_cost_fen=900) == {
        ("supplier.reserved", "fulu#1", "o"): -900,
        ("supplier.settled", "fulu#1", "o"): 900,
    }
    assert book.post("channel_settled", channel="ali", fee_fen=6, net_fen=994) == {
        ("channel", "ali", "o"): -100,
        ("fee", "ali", "o"): 6,
        ("channel", "ali", "L"): -900,
        ("transit.settlement", "ali", "L"): 900,
        ("transit.settlement", "ali", "o"): 94,
    }
    assert book.post("bank_received", channel="ali", bank="bank", amount_fen=994) == {
        ("transit.settlement", "ali", "L"): -900,
        ("transit.settlement", "ali", "o"): -94,
        ("custody", "bank", "o"): 94,
        ("custody", "bank", "F"): 900,
    }
    assert book.post("earned", bank="bank") == {
        ("custody", "bank", "o"): -94,
        ("custody", "bank", "M"): 94,
        ("source.margin", "", "M"): -94,
        ("spent.margin", "", "o"): 94,
    }
    assert book.shown() == [("supplier.settled", "fulu", 1000)]
    assert rows.trail(book.now()) == {("supplier.settled", "fulu#1"): 900, ("fee", "ali"): 6}


def test_row_1_and_2_capital_reaches_the_supplier_step_by_step() -> None:
    assert rows.capital_in("F1", party="fulu", place=FREE, amount_fen=5).legs[1] == Leg(
        "F1", "supplier.free", "fulu", "F", 5
    )
    topup = ("transit.topup", "")
    step = rows.float_moved("F1", frm=BANK, to=topup, amount_fen=7)
    assert [leg.amount_fen for leg in step.legs] == [-7, 7]
    with refused("not_permitted"):
        rows.float_moved("F1", frm=BANK, to=(FREE, "fulu"), amount_fen=7)
    with refused("not_permitted"):
        rows.capital_in("F1", party="x", place="operator", amount_fen=5)


@pytest.mark.parametrize("fen", [0, -1])
def test_row_3_refuses_an_amount_that_is_not_positive(fen: int) -> None:
    with refused("bad_amount"):
        rows.paid("M1", channel="ali", amount_fen=fen)


def test_row_3_an_excess_is_a_suspense_item() -> None:
    assert rows.excess("S1", channel="ali", amount_fen=3).legs == (
        Leg("S1", "source.unexplained", "", "S", -3),
        Leg("S1", "channel", "ali", "S", 3),
    )
    with refused("not_permitted"):
        rows.paid("S1", channel="ali", amount_fen=3)
    with refused("not_permitted"):
        rows.excess("M1", channel="ali", amount_fen=3)


def test_row_4_a_cost_above_the_money_needs_a_rule() -> None:
    book = paid()
    with refused("cost_above_money"):
        book.post("dispatched", supplier="fulu", attempt=1, cost_fen=995, expected_fee_fen=6)
    legs = book.post(
        "dispatched", supplier="fulu", attempt=1, cost_fen=1100, expected_fee_fen=6, allow_loss=True
    )
    assert legs["channel", "ali", "L"] == 994
    assert legs["spent.loss", "", "F"] == 106
    assert book.shown() == [("supplier.reserved", "fulu", 1000)]


def test_row_4_the_same_attempt_is_not_taken_twice() -> None:
    with refused("already_taken"):
        sent().post("dispatched", supplier="fulu", attempt=1, cost_fen=1)


def test_row_4_frozen_money_is_not_dispatched() -> None:
    book = paid()
    book.post("frozen", at=ALI, by_channel=True)
    assert book.shown() == [("hold", "ali", 1000)]
    with refused("cost_above_money"):
        book.post("dispatched", supplier="fulu", attempt=1, cost_fen=1)


def test_row_4_at_the_shops_cost_leaves_the_orders_money_alone() -> None:
    book = sent()
    book.post("supplier_succeeded", supplier="fulu", attempt=1, actual_cost_fen=900)
    before = book.shown()
    legs = book.post("dispatched_at_shop_cost", supplier="fulu", attempt=2, cost_fen=900)
    assert legs == {
        ("supplier.free", "fulu", "F"): -900,
        ("supplier.reserved", "fulu#2", "o"): 900,
        ("source.platform", "", "o"): -900,
        ("spent.loss", "", "F"): 900,
    }
    with refused("already_taken"):
        book.post("dispatched_at_shop_cost", supplier="fulu", attempt=2, cost_fen=900)
    book.post("supplier_succeeded", supplier="fulu", attempt=2, actual_cost_fen=900)
    assert sum(fen for _, _, fen in book.shown()) == sum(fen for _, _, fen in before)


def test_row_25_no_cost_has_no_legs() -> None:
    assert paid().post("dispatched", supplier="stock", attempt=1, cost_fen=0) == {}


@pytest.mark.parametrize(("actual", "free"), [(900, 0), (850, 50), (950, -50), (1100, -200)])
def test_row_7_the_actual_cost_is_what_is_settled(actual: int, free: int) -> None:
    book = sent()
    legs = book.post("supplier_succeeded", supplier="fulu", attempt=1, actual_cost_fen=actual)
    assert legs["supplier.settled", "fulu#1", "o"] == actual
    assert legs.get(("supplier.free", "fulu", "F"), 0) == free
    assert book.now().get(Account("source.platform", "", "o"), 0) == -max(0, actual - 1000)
    with refused("already_taken"):
        book.post("supplier_succeeded", supplier="fulu", attempt=1, actual_cost_fen=actual)


def test_row_8_a_claim_in_custody_waits_until_the_supplier_is_final() -> None:
    book = sent()
    book.post("channel_settled", channel="ali", fee_fen=6, net_fen=994)
    assert (
        book.post("bank_received", channel="ali", bank="bank", amount_fen=994)["custody", "bank", "L"] == 900
    )
    with refused("supplier_open"):
        book.post("released")
    legs = book.post("supplier_succeeded", supplier="fulu", attempt=1, actual_cost_fen=900)
    assert legs["custody", "bank", "F"] == 900


def test_row_9_a_refusal_makes_the_money_the_orders_again_and_a_refund_takes_it_all() -> None:
    book = sent()
    assert book.post("supplier_gave_back", supplier="fulu", attempt=1, amount_fen=900) == {
        ("supplier.reserved", "fulu#1", "o"): -900,
        ("supplier.free", "fulu", "F"): 900,
        ("channel", "ali", "L"): -900,
        ("channel", "ali", "o"): 900,
    }
    legs = book.post("refund_asked", price_fen=1000, amount_fen=1000, at=ALI, float_at_fen=0)
    assert legs == {("channel", "ali", "o"): -1000, ("refunding", "ali", "o"): 1000}
    assert book.shown() == [("refunding", "ali", 1000)]
    book.post("refund_accepted", party="ali", amount_fen=1000)
    assert book.shown() == [("refund.transit", "ali", 1000)]
    book.post("refund_arrived", party="ali", amount_fen=1000)
    assert book.shown() == [("refund.arrived", "ali", 1000)]
    assert rows.refundable_fen("M1", book.now(), 1000) == 0


def test_row_9_cannot_give_back_more_than_there_is() -> None:
    with refused("not_enough"):
        sent().post("supplier_gave_back", supplier="fulu", attempt=1, amount_fen=901)


def test_row_10_the_undelivered_part_is_rounded_up_for_the_buyer() -> None:
    assert rows.undelivered_price_fen(1000, 3, 1) == 667
    assert rows.undelivered_price_fen(1000, 3, 3) == 0
    book = sent()
    legs = book.post("partly_delivered", supplier="fulu", attempt=1, delivered_cost_fen=300)
    assert legs["supplier.settled", "fulu#1", "o"] == 300
    assert legs["supplier.free", "fulu", "F"] == 600
    book.post("refund_asked", price_fen=1000, amount_fen=667, at=ALI, float_at_fen=0)
    assert book.shown() == [("refunding", "ali", 667), ("supplier.settled", "fulu", 333)]


def test_row_11_repays_what_is_owed_before_it_earns() -> None:
    book = settled()
    book.post("late_success", supplier="dtone", attempt=2, cost_fen=80)
    legs = book.post("earned", bank="bank")
    assert legs["custody", "bank", "F"] == 80
    assert legs["custody", "bank", "M"] == 14
    with refused("refund_due"):
        book.post("earned", bank="bank", refund_due_fen=1)


def test_row_12_only_margin_reaches_the_operator() -> None:
    assert rows.margin_swept("F1", bank="bank", operator="boc", amount_fen=14).legs[1].owner == Owner.MARGIN
    with refused("not_permitted"):
        check(
            {}, Posting("paid", (Leg("M1", "operator", "boc", "o", 1), Leg("M1", "channel", "ali", "o", -1)))
        )


def test_row_13_over_refund_and_short_float_are_refused() -> None:
    book = settled()
    with refused("over_refund"):
        book.post("refund_asked", price_fen=1000, amount_fen=1001, at=ALI, float_at_fen=9999)
    with refused("float_short"):
        book.post("refund_asked", price_fen=1000, amount_fen=1000, at=ALI, float_at_fen=999)
    legs = book.post("refund_asked", price_fen=1000, amount_fen=1000, at=ALI, float_at_fen=1000)
    assert legs["channel", "ali", "F"] == -1000
    assert legs["spent.loss", "", "F"] == 906
    assert legs["custody", "bank", "F"] == 94


def test_row_13_is_refused_at_the_platforms_risk_while_a_supplier_is_open() -> None:
    with refused("supplier_open"):
        sent().post("refund_asked", price_fen=1000, amount_fen=1000, at=ALI, float_at_fen=9999)


def test_row_14_a_refused_refund_lies_where_it_was_gathered_and_reserve_goes_home() -> None:
    book = settled()
    book.post("refund_asked", price_fen=1000, amount_fen=200, at=ALI, float_at_fen=1000)
    book.post("refund_refused", at=ALI, amount_fen=200)
    assert rows.trail(book.now())["channel", "ali"] == 200
    legs = book.post("reserve_home", channel="ali", bank="bank", custody_float_fen=1000)
    assert legs["channel", "ali", "o"] == -200
    assert legs["channel", "ali", "F"] == 200
    assert legs["spent.loss", "", "F"] == -106
    assert legs["custody", "bank", "o"] == 94


def test_row_14_comes_back_even_after_arrival() -> None:
    book = paid()
    book.post("refund_asked", price_fen=1000, amount_fen=1000, at=ALI, float_at_fen=0)
    book.post("refund_arrived", party="ali", amount_fen=1000, place="refunding")
    book.post("refund_came_back", place="refund.arrived", party="ali", to=BANK, amount_fen=1000)
    assert book.shown() == [("custody", "bank", 1000)]


def test_row_15_a_returned_fee_repays_what_is_owed() -> None:
    book = settled()
    book.post("late_success", supplier="dtone", attempt=2, cost_fen=4)
    legs = book.post("fee_returned", channel="ali", amount_fen=6)
    assert legs["channel", "ali", "o"] == 2
    assert legs["channel", "ali", "L"] == 4


def test_row_18_a_reversal_after_release_comes_out_of_custodys_float() -> None:
    book = settled()
    book.post("earned", bank="bank")
    legs = book.post("supplier_gave_back", supplier="fulu", attempt=1, amount_fen=900, place=SETTLED)
    assert legs["custody", "bank", "F"] == -900
    assert legs["custody", "bank", "o"] == 900
    with refused("not_enough"):
        book.post("supplier_gave_back", supplier="fulu", attempt=1, amount_fen=1, place=SETTLED)


def test_row_9_names_what_it_lacks() -> None:
    book = settled()
    kwargs = {"supplier": "fulu", "attempt": 1, "amount_fen": 900, "place": SETTLED}
    with refused("float_short"):
        book.post("supplier_gave_back", **kwargs, custody_float_fen=899)
    other = delivered()
    other.post("reserve_home", channel="ali", bank="bank", custody_float_fen=100)
    without = {account: fen for account, fen in other.now().items() if account.place != CUSTODY}
    with refused("bank_needed"):
        rows.supplier_gave_back("M1", without, supplier="fulu", attempt=1, amount_fen=900, place=SETTLED)


def test_row_19_is_the_platforms_loss_and_only_once() -> None:
    book = sent()
    with refused("supplier_open"):
        book.post("late_success", supplier="fulu", attempt=1, cost_fen=900)
    book.post("supplier_gave_back", supplier="fulu", attempt=1, amount_fen=900)
    legs = book.post("late_success", supplier="fulu", attempt=1, cost_fen=900)
    assert legs["source.platform", "", "o"] == -900
    with refused("already_taken"):
        book.post("late_success", supplier="fulu", attempt=1, cost_fen=900)


@pytest.mark.parametrize("success", [True, False])
def test_row_20_the_remedy_while_unknown_leaves_the_reserve_open(success: bool) -> None:
    book = sent()
    legs = book.post("risk_refund", price_fen=1000, amount_fen=1000, at=ALI, float_at_fen=0)
    assert legs["spent.loss", "", "F"] == 900
    assert book.shown() == [("refunding", "ali", 1000)]
    if success:
        book.post("supplier_succeeded", supplier="fulu", attempt=1, actual_cost_fen=900)
        assert book.now()[Account("source.platform", "", "o")] == -900
    else:
        book.post("supplier_gave_back", supplier="fulu", attempt=1, amount_fen=900)
        assert Account("source.platform", "", "o") not in book.now()
    assert list(subject_findings("M1", book.now())) == []


def test_row_21_and_22_freeze_chargeback_and_won_back() -> None:
    book = sent()
    book.post("frozen", at=ALI, by_channel=False)
    assert book.now()[Account("channel", "ali", "L")] == 900
    legs = book.post("charged_back", channel="ali", amount_fen=1000, float_at_fen=0)
    assert legs["refund.chargeback", "ali", "o"] == 1000
    assert legs["spent.loss", "", "F"] == 900
    legs = book.post("chargeback_won", channel="ali", amount_fen=1000)
    assert legs["channel", "ali", "L"] == 900
    assert legs["spent.loss", "", "F"] == -900
    book.post("frozen", at=ALI, by_channel=True)
    assert book.now()[Account("hold", "ali", "L")] == 900
    book.post("unfrozen", at=ALI)
    assert book.now()[Account("channel", "ali", "L")] == 900


def test_row_22_a_chargeback_beyond_the_payment_is_a_fact_that_refuses_refunds() -> None:
    book = paid()
    book.post("refund_asked", price_fen=1000, amount_fen=1000, at=ALI, float_at_fen=0)
    book.post("charged_back", channel="ali", amount_fen=1000, float_at_fen=1000)
    assert sum(fen for _, _, fen in book.shown()) == 2000
    with refused("over_refund"):
        book.post("refund_asked", price_fen=1000, amount_fen=1, at=ALI, float_at_fen=9999)


def test_row_23_everything_of_the_item_changes_owner() -> None:
    item, order = Book("S1"), Book("M2")
    item.post("unexplained", at=ALI, amount_fen=500)
    item.post("channel_settled", channel="ali", fee_fen=3, net_fen=0)
    item.post("refund_asked", price_fen=500, amount_fen=499, at=BANK, float_at_fen=499)
    posting = rows.matched("S1", item.now(), "M2", {})
    check(item.now(), posting, {"M2": {}})
    for leg in posting.legs:
        book = item if leg.subject == "S1" else order
        book.sums[Account(leg.place, leg.party, leg.owner)] += leg.amount_fen
    assert order.now()[Account("fee", "ali", "o")] == 3
    assert order.now()[Account("refunding", "bank", "o")] == 499
    assert order.now()[Account("source.platform", "", "o")] == -2
    assert order.now()[Account("channel", "ali", "L")] == 497
    assert {account.owner for account in item.now()} == {"F"}
    with refused("already_taken"):
        rows.matched("S1", item.now(), "M2", order.now())


def test_row_23_over_buckets_goes_by_handover() -> None:
    item = Book("S1")
    item.post("unexplained", at=ALI, amount_fen=500)
    first = rows.handed_over("S1", item.now())
    assert Leg("S1", "channel", "ali", "H", 500) in first.legs
    second = rows.taken_over("M2", {}, handover=first)
    assert Leg("M2", "channel", "ali", "o", 500) in second.legs
    assert Leg("M2", "source.payer", "", "o", -500) in second.legs
    item.post("refund_asked", price_fen=500, amount_fen=1, at=ALI, float_at_fen=0)
    with refused("not_movable"):
        rows.handed_over("S1", item.now())


def test_row_24_missing_found_made_good_or_never_paid() -> None:
    book = sent()
    book.post("bill_lacks", channel="ali")
    assert rows.trail(book.now())["missing", "ali"] == 100
    book.post("made_good", party="ali", at=("custody", "bank"), float_fen=100)
    assert book.now()[Account("missing", "ali", "L")] == 1000
    legs = book.post("proved_unpaid", party="ali")
    assert legs["source.payer", "", "o"] == 1000
    assert legs["spent.loss", "", "F"] == 1000
    assert book.shown() == []
    again = sent()
    again.post("bill_lacks", channel="ali")
    assert again.post("found_at_channel", channel="ali")["channel", "ali", "L"] == 900


@pytest.mark.parametrize("at", [ALI, BANK])
def test_f04_money_in_doubt_is_not_refunded_before_somebody_makes_it_good(at: tuple[str, str]) -> None:
    book = paid()
    book.post("bill_lacks", channel="ali")
    for row in ("refund_asked", "risk_refund"):
        with refused("money_missing"):
            book.post(row, price_fen=1000, amount_fen=1, at=at, float_at_fen=9999)
    book.post("made_good", party="ali", at=("custody", "bank"), float_fen=1000)
    book.post("refund_asked", price_fen=1000, amount_fen=1000, at=BANK, float_at_fen=0)
    assert book.shown() == [("refunding", "bank", 1000)]


def test_row_26_a_claim_that_stays_missing_is_given_up_and_written_off() -> None:
    book = settled()
    book.post("batch_taken", bank="bank", to=("missing", "bank"), amount_fen=2)
    book.post("made_good", party="bank", at=("custody", "bank"), float_fen=2)
    assert book.post("claim_given_up", party="bank") == {
        ("missing", "bank", "L"): -2,
        ("missing", "bank", "F"): 2,
    }
    assert rows.written_off("F1", at=("missing", "bank"), amount_fen=2).legs[1].place == "spent.loss"
    with refused("not_permitted"):
        rows.written_off("F1", at=BANK, amount_fen=2)
    with refused("not_permitted"):
        rows.own_charges("F1", at=(FREE, "fulu"), amount_fen=2)


def test_row_6_what_custody_cannot_cover_is_taken_from_the_last_line_first() -> None:
    assert rows.share_uncovered([("M1", 50), ("M2", 30)], 40) == [("M2", 30), ("M1", 10)]
    assert rows.share_uncovered([("M1", 50)], 0) == []
    with refused("not_enough"):
        rows.share_uncovered([("M1", 50)], 51)


def test_money_paid_beyond_the_price_is_shown_apart() -> None:
    book = sent()
    book.post("paid", channel="wx", amount_fen=1000)
    assert book.shown() == [("supplier.reserved", "fulu", 1000), ("channel", "ali", 1000)]


def test_float_needed_names_what_the_rollup_must_hold() -> None:
    posting = rows.dispatched("M1", paid().now(), supplier="fulu", attempt=1, cost_fen=900)
    assert rows.float_needed(posting) == {(FREE, "fulu"): 900}


@pytest.mark.parametrize(
    ("legs", "code"),
    [
        ((Leg("M1", "channel", "ali", "o", 1),), "unbalanced"),
        ((Leg("M1", "channel", "ali", "o", 1), Leg("M1", "channel", "ali", "F", -1)), "unbalanced"),
        ((Leg("M1", "channel", "ali", "o", -1), Leg("M1", "fee", "ali", "o", 1)), "not_enough"),
        ((Leg("M1", "source.payer", "", "o", 1), Leg("M1", "fee", "ali", "o", -1)), "not_enough"),
        ((Leg("M1", "fee", "ali", "L", 1), Leg("M1", "channel", "ali", "L", -1)), "not_permitted"),
    ],
)
def test_check_refuses_an_invalid_posting(legs: tuple[Leg, ...], code: str) -> None:
    with refused(code):
        check({}, Posting("paid", legs))


def test_the_sql_check_is_the_same_table() -> None:
    text = sql_check("l.owner", "l.place", "l.subject")
    for owner, places in PERMITTED.items():
        assert f"l.owner = '{owner}' AND l.place IN (" + ", ".join(f"'{p}'" for p in sorted(places)) in text
    assert "l.subject LIKE 'S%'" in text
    assert "operator" not in PERMITTED["o"] | PERMITTED["S"] | PERMITTED["L"]
    assert set(PERMITTED) == {owner.value for owner in Owner}


def found(rows_in: list[tuple[str, str, str, str, str, int, str]]) -> list[str]:
    replay = Replay()
    return [finding.code for finding in (*replay.feed(rows_in), *replay.finish())]


def test_the_replay_of_a_sound_journal_finds_nothing_and_gives_the_balances() -> None:
    book = Book()
    legs = rows.paid("M1", channel="ali", amount_fen=5).legs
    replay = Replay()
    assert list(replay.feed([("p1", *leg, "e1") for leg in legs])) == []
    assert list(replay.finish()) == []
    book.apply(rows.paid("M1", channel="ali", amount_fen=5))
    assert replay.books["M1"] == book.now()
    assert by_party(replay.totals) == {("channel", "ali"): 5}
    assert replay.drop("M1") == book.now()
    assert replay.books == {}


def test_the_replay_names_what_is_wrong() -> None:
    assert found([("p", "M1", "channel", "ali", "o", 5, "e")]) == ["not_zero"]
    assert found([("p", "M1", "channel", "ali", "L", 5, "e")]) == ["float_not_zero"]
    assert found([("p", "M1", "operator", "x", "o", 0, "")]) == ["not_permitted", "no_evidence", "zero_leg"]
    assert (
        found([("p", "S1", "fee", "x", "o", 1, "e"), ("p", "S1", "fee", "x", "o", -1, "e")])[0]
        == "not_permitted"
    )
    overdrawn = [("p", "M1", "fee", "a", "o", -1, "e"), ("p", "M1", "channel", "a", "o", 1, "e")]
    assert found(overdrawn) == ["overdrawn"]
    house = [("p", "F1", "custody", "b", "F", -1, "e"), ("p", "F1", "channel", "a", "F", 1, "e")]
    assert found(house) == ["rollup_overdrawn"]
    open_hand = [
        ("p", "S1", "channel", "a", "H", 1, "e"),
        ("p", "S1", "source.unexplained", "", "H", -1, "e"),
    ]
    assert found(open_hand) == ["handover_open", "handover_open"]


def test_subject_findings_name_a_claim_left_in_custody() -> None:
    book = {Account("custody", "b", "L"): 5, Account("custody", "b", "o"): -1}
    assert sorted(f.code for f in subject_findings("M1", book)) == [
        "claim_not_released",
        "overdrawn",
        "places_not_sources",
    ]


@pytest.mark.parametrize(
    ("state", "codes"),
    [
        (State(paid=True, delivered=True, refunded=False), []),
        (State(paid=False, delivered=True, refunded=False), ["money_not_paid"]),
        (State(paid=True, delivered=False, refunded=True), ["refunded_without_money"]),
    ],
)
def test_state_and_money_agree(state: State, codes: list[str]) -> None:
    assert [f.code for f in state_findings("M1", delivered().now(), state)] == codes


def test_state_without_money_is_named() -> None:
    wrong = State(paid=True, delivered=True, refunded=True)
    assert [f.code for f in state_findings("M1", {}, wrong)] == [
        "paid_without_money",
        "delivered_without_supplier",
        "refunded_without_money",
    ]
    at_risk = [f.code for f in state_findings("M1", sent().now(), wrong)]
    assert "refunded_but_reserved" in at_risk
    assert not list(
        state_findings("M1", paid().now(), State(paid=True, delivered=True, refunded=False, costless=True))
    )
