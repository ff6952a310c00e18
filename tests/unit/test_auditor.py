"""The outside auditor agrees with sound books and catches what is planted in them."""

from __future__ import annotations

from typing import Any

import pytest

from auditor.books import Report, Row, audit

PRICE, COST, PREFUND = 10_000, 9_850, 100_000


def books(*, charged: int = COST, credited: int = 0, balance: int = PREFUND - COST) -> dict[str, Any]:
    order = {"customer_order_no": "OaT1", "charged_fen": charged, "credited_fen": credited}
    return {
        "alipay": {"merchant_balance_fen": PRICE - COST},
        "fulu": {"balance_fen": balance, "orders": [order], "topups": {"138|Oa": 1}, "topups_reversed": {}},
    }


def ledger(place: str = "supplier.settled", attempt: int = 1) -> list[Row]:
    return [
        Row("CAPITAL-fulu", "supplier.free", "fulu", "F", PREFUND),
        Row("CAPITAL-fulu", "source.capital", "", "F", -PREFUND),
        Row("Oa", "supplier.free", "fulu", "F", -COST),
        Row("Oa", place, f"fulu#{attempt}", "o", COST),
        Row("Oa", "channel", "alipay", "o", PRICE - COST),
    ]


def lost(told: dict[str, Any], rows: list[Row]) -> int:
    return audit(told, rows).lost_fen


@pytest.mark.parametrize("place", ["supplier.reserved", "supplier.settled"])
def test_sound_books_agree(place: str) -> None:
    assert audit(books(), ledger(place)) == Report((), 0)


def test_a_reservation_that_was_never_charged_is_not_lost() -> None:
    told = books(balance=PREFUND)
    told["fulu"]["orders"] = []
    assert lost(told, ledger("supplier.reserved")) == 0
    assert lost(books(credited=COST, balance=PREFUND), ledger("supplier.reserved")) == 0


def test_money_settled_without_a_charge_is_found() -> None:
    told = books(balance=PREFUND)
    told["fulu"]["orders"] = []
    assert lost(told, ledger("supplier.settled")) >= COST


@pytest.mark.parametrize("index", [0, 2, 3, 4])
@pytest.mark.parametrize("fen", [-1, 1, 250])
def test_a_planted_loss_is_found_to_the_fen(index: int, fen: int) -> None:
    rows = ledger()
    rows[index] = rows[index]._replace(amount=rows[index].amount + fen)
    assert lost(books(), rows) == abs(fen)


def test_losses_that_cancel_out_are_both_found() -> None:
    rows = [*ledger(), Row("Ob", "channel", "alipay", "o", 70), Row("Ob", "supplier.free", "fulu", "F", -70)]
    assert lost(books(), rows) == 140


def test_a_charge_booked_on_another_attempt_is_found() -> None:
    assert lost(books(), ledger(attempt=2)) == 2 * COST


def test_double_topups_are_counted_unless_reversed() -> None:
    told = books()
    told["fulu"]["topups"] = {"138|Oa": 3, "139|Ob": 1}
    assert audit(told, ledger()).double_topups == 2
    told["fulu"]["topups_reversed"] = {"138|Oa": 2}
    assert audit(told, ledger()).double_topups == 0


def test_a_topup_on_its_way_may_stand_there_whole_or_not_at_all() -> None:
    sent = [Row(number, "transit.topup", "fulu", "F", fen) for number, fen in (("MZ1", 700), ("MZ2", 900))]
    rows = [*ledger(), *sent]
    for there in (0, 700, 900, 1600):
        assert lost(books(balance=PREFUND - COST + there), rows) == 0
    assert lost(books(balance=PREFUND - COST + 899), rows) == 899
    assert lost(books(balance=PREFUND - COST + 700), ledger()) == 700


# -- several channels and suppliers ----------------------------------------------------------------


def supplier_book(*orders: tuple[str, int, int], opening: int = PREFUND, **topups: int) -> dict[str, Any]:
    """A supplier's book from (number, charged, credited); `topups`: order → times, on one account."""
    rows = [{"customer_order_no": no, "charged_fen": up, "credited_fen": back} for no, up, back in orders]
    spent = sum(up - back for _, up, back in orders)
    return {
        "balance_fen": opening - spent,
        "opening_balance_fen": opening,
        "orders": rows,
        "topups": {f"138|{order}": times for order, times in topups.items()},
        "topups_reversed": {},
    }


def wide() -> tuple[dict[str, Any], list[Row]]:
    """Two channels and three suppliers, one of them never used; order Ob was refused by one supplier."""
    told = {
        **books(),
        "epay": {"merchant_balance_fen": PRICE},
        "wechat": {"merchant_balance_fen": 0},
        "kasushou": supplier_book(("ObT2", COST, 0), Ob=1),
        "dtone": supplier_book(),
    }
    rows = [
        *ledger(),
        Row("Ob", "channel", "epay", "o", PRICE),
        Row("CAPITAL-kasushou", "supplier.free", "kasushou", "F", PREFUND),
        Row("Ob", "supplier.free", "kasushou", "F", -COST),
        Row("Ob", "supplier.reserved", "kasushou#2", "o", COST),
    ]
    return told, rows


def test_any_number_of_parties_agree_and_an_unused_one_is_no_loss() -> None:
    told, rows = wide()
    assert audit(told, rows) == Report((), 0)


@pytest.mark.parametrize("index", range(5, 9))
@pytest.mark.parametrize("fen", [-1, 1, 250])
def test_a_planted_loss_is_found_at_every_party(index: int, fen: int) -> None:
    told, rows = wide()
    rows[index] = rows[index]._replace(amount=rows[index].amount + fen)
    report = audit(told, rows)
    assert report.lost_fen == abs(fen)
    assert {each.party for each in report.differences} == {rows[index].party.partition("#")[0]}


def test_a_charge_booked_at_another_supplier_is_found() -> None:
    told, rows = wide()
    rows[8] = rows[8]._replace(party="fulu#2")
    assert lost(told, rows) == 2 * COST


def test_an_order_at_a_supplier_that_the_ledger_never_heard_of_is_found() -> None:
    told, rows = wide()
    told["dtone"] = supplier_book(("OcT1", 300, 0), Oc=1)
    assert [(each.party, each.fen) for each in audit(told, rows).differences] == [("dtone", 300)] * 2


def test_two_charges_under_one_number_both_count() -> None:
    told, rows = wide()
    told["kasushou"] = supplier_book(("ObT2", COST, 0), ("ObT2", COST, 0), Ob=1)
    assert lost(told, rows) == 2 * COST  # in the attempt, and in the balance


def test_money_at_a_channel_without_a_book_is_found() -> None:
    told, rows = wide()
    rows.append(Row("Oc", "channel", "ghost", "o", 70))
    assert [(each.party, each.theirs, each.ours) for each in audit(told, rows).differences] == [
        ("ghost", 0, 70)
    ]


def test_a_book_of_no_known_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="bank"):
        audit({**books(), "bank": {"statements": []}}, ledger())


def test_double_topups_are_summed_over_suppliers_and_counted_across_them() -> None:
    told, rows = wide()
    told["fulu"]["topups"] = {"138|Oa": 2, "139|Oc": 1}
    told["kasushou"]["topups"] = {"+8613800000000|Ob": 3, "8613900000000|Oc": 1}
    told["dtone"]["topups"] = {"+86139|Oc": 1}
    assert audit(told, rows).double_topups == 1 + 2 + 2
    told["dtone"]["topups_reversed"] = {"+86139|Oc": 1}
    assert audit(told, rows).double_topups == 1 + 2 + 1
    told["fulu"]["topups_reversed"] = {"139|Oc": 1, "138|Oa": 5}
    assert audit(told, rows).double_topups == 0 + 2 + 0


def test_the_shape_of_the_report_is_kept() -> None:
    told, rows = wide()
    told["epay"]["merchant_balance_fen"] += 5
    assert audit(told, rows).as_json() == {
        "lost_fen": 5,
        "double_topups": 0,
        "differences": [
            {
                "place": "channel+refunding+hold",
                "party": "epay",
                "number": "",
                "theirs": PRICE + 5,
                "ours": PRICE,
            }
        ],
    }
