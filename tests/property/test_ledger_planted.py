"""Planted mistakes: each is a wrong version of one row, and the fuzz must notice every one of them.

A mistake is a small wrapper round the right posting. It bends legs, mostly so that the posting still sums to
zero and overdraws nothing: what catches it then is the shadow book, not the check of a single posting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ledger_driver import run
from shadow_book import Mismatch

from mingzhang.ledger import postings
from mingzhang.ledger.moves import Leg, Posting

Wrong = Callable[..., Posting]
PLANTED: dict[str, tuple[str, Wrong]] = {}


def plant(row: str) -> Callable[[Wrong], Wrong]:
    def register(wrong: Wrong) -> Wrong:
        PLANTED[wrong.__name__] = (row, wrong)
        return wrong

    return register


def bend(posting: Posting, *more: tuple[str, str, str, int]) -> Posting:
    """The posting with further legs of its first subject merged in."""
    subject = posting.legs[0].subject if posting.legs else "M"
    sums: Counter[tuple[str, str, str, str]] = Counter()
    for leg in (*posting.legs, *(Leg(subject, *extra) for extra in more)):
        sums[leg[:4]] += leg.amount_fen
    return Posting(posting.row, tuple(Leg(*key, fen) for key, fen in sums.items() if fen))


def bend_all(row: str, legs: list[Leg]) -> Posting:
    """Legs merged per account and ordered by subject, as a posting's are."""
    sums: Counter[tuple[str, str, str, str]] = Counter()
    for leg in sorted(legs):
        sums[leg[:4]] += leg.amount_fen
    return Posting(row, tuple(Leg(*key, fen) for key, fen in sums.items() if fen))


def amount(posting: Posting, place: str, owner: str = "oS") -> int:
    return sum(leg.amount_fen for leg in posting.legs if leg.place == place and leg.owner in owner)


def owe_less(posting: Posting, fen: int) -> tuple[tuple[str, str, str, int], ...]:
    who = "S" if posting.legs[0].subject[0] == "S" else "o"
    return (("source.platform", "", who, fen), ("spent.loss", "", "F", -fen))


@plant("supplier_gave_back")
def row_9_repays_nothing_of_what_is_owed(right: Wrong, *args: Any, **kw: Any) -> Posting:
    posting = right(*args, **kw)
    repaid = amount(posting, "source.platform")
    back = (("custody", kw["bank"], "F", -repaid), ("custody", kw["bank"], "o", repaid))
    return bend(posting, *owe_less(posting, -repaid), *back) if repaid else posting


@plant("supplier_gave_back")
def row_9_repays_one_fen_too_much(right: Wrong, *args: Any, **kw: Any) -> Posting:
    posting = right(*args, **kw)
    if not amount(posting, "custody"):
        return posting
    return bend(
        posting, *owe_less(posting, 1), ("custody", kw["bank"], "o", -1), ("custody", kw["bank"], "F", 1)
    )


@plant("supplier_gave_back")
def row_18_credits_another_supplier(right: Wrong, *args: Any, **kw: Any) -> Posting:
    fen = kw["amount_fen"]
    return bend(
        right(*args, **kw), ("supplier.free", "fulu", "F", -fen), ("supplier.free", "dtone", "F", fen)
    )


def keep_claim(posting: Posting, bank: str) -> Posting:
    freed = sum(leg.amount_fen for leg in posting.legs if leg[1:4] == ("custody", bank, "F"))
    if freed <= 0:
        return posting
    return bend(posting, ("custody", bank, "F", -freed), ("custody", bank, "L", freed))


@plant("bank_received")
def row_8_forgotten_when_the_bank_line_comes(right: Wrong, *args: Any, **kw: Any) -> Posting:
    return keep_claim(right(*args, **kw), kw["bank"])


@plant("supplier_succeeded")
def row_8_forgotten_on_success(right: Wrong, *args: Any, **kw: Any) -> Posting:
    return keep_claim(right(*args, **kw), kw["bank"])


@plant("bank_received")
def row_8_before_the_supplier_is_final(right: Wrong, *args: Any, **kw: Any) -> Posting:
    posting = right(*args, **kw)
    claim = sum(leg.amount_fen for leg in posting.legs if leg.place == "custody" and leg.owner == "L")
    return bend(posting, ("custody", kw["bank"], "L", -claim - 1), ("custody", kw["bank"], "F", claim + 1))


@plant("bank_received")
def row_6_gives_the_claim_to_the_order(right: Wrong, *args: Any, **kw: Any) -> Posting:
    posting = right(*args, **kw)
    claim = -amount(posting, "transit.settlement", "L")
    who = "S" if args[0][0] == "S" else "o"
    more = (("custody", kw["bank"], "F", -claim), ("custody", kw["bank"], who, claim))
    return bend(posting, *owe_less(posting, -claim), *more)


@plant("bank_received")
def row_6_loses_a_fen(right: Wrong, *args: Any, **kw: Any) -> Posting:
    kw["amount_fen"] = max(1, kw["amount_fen"] - 1)
    return right(*args, **kw)


@plant("batch_netted")
def row_6_forgets_what_the_channel_netted(right: Wrong, *args: Any, **kw: Any) -> Posting:
    return Posting(right(*args, **kw).row, ())


@plant("undelivered_price_fen")
def row_10_rounds_down(right: Any, price: int, ordered: int, delivered: int) -> Any:
    return price * (ordered - delivered) // ordered


@plant("dispatched")
def row_4_ignores_the_fee_still_to_come(right: Wrong, *args: Any, **kw: Any) -> Posting:
    return right(*args, **{**kw, "expected_fee_fen": 0})


@plant("dispatched")
def row_4_hides_the_loss(right: Wrong, *args: Any, **kw: Any) -> Posting:
    posting = right(*args, **kw)
    given = -amount(posting, "source.platform")
    return bend(posting, *owe_less(posting, given)) if given else posting


@plant("supplier_succeeded")
def row_7_settles_what_was_reserved(right: Wrong, *args: Any, **kw: Any) -> Posting:
    subject, book = args[0], args[1]
    held = book.get(("supplier.reserved", f"{kw['supplier']}#{kw['attempt']}", "o"), 0)
    return right(subject, book, **{**kw, "actual_cost_fen": held or kw["actual_cost_fen"]})


@plant("late_success")
def row_19_takes_the_cost_from_the_order(right: Wrong, *args: Any, **kw: Any) -> Posting:
    posting, cost = right(*args, **kw), kw["cost_fen"]
    for (place, party, owner), fen in args[1].items():
        if place == "custody" and owner == "o" and fen >= cost:
            back = (("custody", party, "o", -cost), ("custody", party, "F", cost))
            return bend(posting, *owe_less(posting, cost), *back)
    return posting


@plant("channel_settled")
def row_5_takes_the_fee_twice(right: Wrong, *args: Any, **kw: Any) -> Posting:
    return right(*args, **{**kw, "fee_fen": 2 * kw["fee_fen"]})


@plant("channel_settled")
def row_5_makes_good_from_the_claim_without_owing(right: Wrong, *args: Any, **kw: Any) -> Posting:
    posting = right(*args, **kw)
    given = -amount(posting, "source.platform")
    return bend(posting, *owe_less(posting, given)) if given else posting


@plant("refund_asked")
def row_13_forgets_refunds_that_arrived(right: Wrong, *args: Any, **kw: Any) -> Posting:
    arrived = sum(fen for (place, _, _), fen in args[1].items() if place == "refund.arrived")
    return right(*args, **{**kw, "price_fen": kw["price_fen"] + arrived})


@plant("refund_asked")
def row_13_gives_before_it_swaps(right: Wrong, *args: Any, **kw: Any) -> Posting:
    posting = right(*args, **kw)
    for leg in posting.legs:
        if leg.place == "custody" and leg.owner == "o" and leg.amount_fen < 0 and kw["at"][0] != "custody":
            fen = -leg.amount_fen
            back = (("custody", leg.party, "o", fen), ("custody", leg.party, "F", -fen))
            return bend(posting, *owe_less(posting, -fen), *back)
    return posting


@plant("risk_refund")
def row_20_pays_from_the_float_and_leaves_the_claim(
    right: Wrong, subject: str, book: Any, **kw: Any
) -> Posting:
    return right(subject, {account: fen for account, fen in book.items() if account[2] != "L"}, **kw)


@plant("refund_refused")
def row_14_books_a_refusal_as_accepted(right: Wrong, *args: Any, **kw: Any) -> Posting:
    return postings.refund_accepted(*args, party=kw["at"][1], amount_fen=kw["amount_fen"])


@plant("refund_came_back")
def row_14_returns_to_the_channel_whatever_the_evidence_says(right: Wrong, *args: Any, **kw: Any) -> Posting:
    return right(*args, **{**kw, "to": ("channel", "ali")})


@plant("reserve_home")
def row_14_goes_home_without_taking_back(right: Wrong, *args: Any, **kw: Any) -> Posting:
    posting = right(*args, **kw)
    back = amount(posting, "source.platform")
    who = "S" if args[0][0] == "S" else "o"
    more = (("custody", kw["bank"], "F", -back), ("custody", kw["bank"], who, back))
    return bend(posting, *owe_less(posting, -back), *more) if back else posting


@plant("fee_returned")
def row_15_forgets_to_take_back(right: Wrong, *args: Any, **kw: Any) -> Posting:
    posting, channel = right(*args, **kw), kw["channel"]
    back = amount(posting, "source.platform")
    who = "S" if args[0][0] == "S" else "o"
    return bend(
        posting, *owe_less(posting, -back), ("channel", channel, "L", -back), ("channel", channel, who, back)
    )


@plant("earned")
def row_11_earns_what_is_owed(right: Wrong, *args: Any, **kw: Any) -> Posting:
    posting, bank = right(*args, **kw), kw["bank"]
    back = amount(posting, "source.platform") if posting.legs else 0
    if not back:
        return posting
    margin = (("source.margin", "", "M", -back), ("spent.margin", "", "o", back))
    more = (("custody", bank, "F", -back), ("custody", bank, "M", back))
    return bend(posting, *owe_less(posting, -back), *more, *margin)


@plant("frozen")
def row_21_freezes_with_the_wrong_party(right: Wrong, *args: Any, **kw: Any) -> Posting:
    posting = right(*args, **kw)
    other = {"ali": "wx", "wx": "ali", "bank1": "bank2", "bank2": "bank1"}
    return Posting(
        posting.row,
        tuple(leg._replace(party=other[leg.party]) if leg.place == "hold" else leg for leg in posting.legs),
    )


@plant("chargeback_won")
def row_22_keeps_what_was_won_back(right: Wrong, *args: Any, **kw: Any) -> Posting:
    posting, channel = right(*args, **kw), kw["channel"]
    who = "S" if args[0][0] == "S" else "o"
    back = amount(posting, "source.platform")
    return bend(
        posting, *owe_less(posting, -back), ("channel", channel, "L", -back), ("channel", channel, who, back)
    )


@plant("charged_back")
def row_22_books_half_of_it(right: Wrong, *args: Any, **kw: Any) -> Posting:
    return right(*args, **{**kw, "amount_fen": -(-kw["amount_fen"] // 2)})


@plant("matched")
def row_23_forgets_what_the_platform_gave(right: Wrong, *args: Any, **kw: Any) -> Posting:
    return Posting("matched", tuple(leg for leg in right(*args, **kw).legs if leg.place != "source.platform"))


@plant("matched")
def row_23_leaves_the_fee_with_the_item(
    right: Wrong, item: str, book: Any, order: str, target: Any
) -> Posting:
    posting = right(item, book, order, target)
    kept = [leg for leg in posting.legs if leg.place != "fee"]
    fees = sum(fen for (place, _, owner), fen in book.items() if place == "fee" and owner == "S")
    undo = (Leg(item, "source.unexplained", "", "S", -fees), Leg(order, "source.payer", "", "o", fees))
    return bend_all("matched", [*kept, *undo])


@plant("bill_lacks")
def row_24_leaves_the_claim_at_the_channel(right: Wrong, *args: Any, **kw: Any) -> Posting:
    posting = right(*args, **kw)
    return Posting(posting.row, tuple(leg for leg in posting.legs if leg.owner != "L"))


@plant("proved_unpaid")
def row_24_does_not_give_the_claim(right: Wrong, subject: str, book: Any, **kw: Any) -> Posting:
    without = {account: fen for account, fen in book.items() if account[2] != "L"}
    return right(subject, without, **kw)


@plant("found_at_channel")
def row_24_found_but_not_taken_back(right: Wrong, *args: Any, **kw: Any) -> Posting:
    posting, channel = right(*args, **kw), kw["channel"]
    back = amount(posting, "source.platform")
    who = "S" if args[0][0] == "S" else "o"
    return bend(
        posting, *owe_less(posting, -back), ("channel", channel, "L", -back), ("channel", channel, who, back)
    )


def run_worlds(rows: SimpleNamespace) -> None:
    for seed in range(40):
        run(seed, 400, rows)


# The slow ones are left to `make test-long`: a mistake that few events can show takes many worlds to meet.
SLOW = frozenset(
    {
        "row_24_does_not_give_the_claim",
        "row_23_forgets_what_the_platform_gave",
        "row_19_takes_the_cost_from_the_order",
    }
)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] * (name in SLOW)) for name in sorted(PLANTED)]
)
def test_the_fuzz_catches(name: str) -> None:
    row, wrong = PLANTED[name]
    right = getattr(postings, row)
    rows = SimpleNamespace(**vars(postings))
    setattr(rows, row, lambda *args, **kw: wrong(right, *args, **kw))
    with pytest.raises(Mismatch):
        run_worlds(rows)


def test_at_least_thirteen_mistakes_are_planted_over_most_rows() -> None:
    assert len(PLANTED) >= 13
    assert len({row for row, _ in PLANTED.values()}) >= 13
