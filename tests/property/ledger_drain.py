"""Brings a driven world to rest: nothing may be stuck once every outside party has answered."""

from __future__ import annotations

from ledger_driver import Driver
from ledger_world import BANKS, CHANNELS, FREE_PLACES, HOUSE, pile
from shadow_book import Mismatch

AT_REST = frozenset(("supplier.settled", "refund.arrived", "refund.chargeback", "fee"))
PLENTY = 10_000_000


def drain(driver: Driver) -> None:
    """Answer everything that is open, refund what bought nothing, earn the rest; then check the rest."""
    _fund(driver)
    while driver.handovers:
        if not driver.subject("M"):
            driver.ev_paid()
        driver.ev_take_over()
    for _ in range(2):
        for subject in list(driver.shadow.deals):
            _answer(driver, subject)
        _bring_home(driver)
    for subject in list(driver.shadow.deals):
        _refund_rest(driver, subject)
    _bring_home(driver)
    for subject in list(driver.shadow.deals):
        for bank in BANKS:
            driver.earn(subject, bank)
    driver.verify()
    for subject in driver.shadow.deals:
        _check_rest(driver, subject)


def _fund(driver: Driver) -> None:
    for at in FREE_PLACES:
        bank = ("custody", BANKS[0])
        start = at if at[0] != "channel" else bank
        driver.post("capital_in", HOUSE, place=start[0], party=start[1], amount_fen=PLENTY)
        driver.shadow.shift(None, pile(start), PLENTY)
        if at[0] == "channel":
            topup = ("transit.topup", "")
            for frm, to in ((bank, topup), (topup, at)):
                driver.post("float_moved", HOUSE, frm=frm, to=to, amount_fen=PLENTY)
                driver.shadow.shift(pile(frm), pile(to), PLENTY)
    driver.verify()


def _spots(driver: Driver, subject: str, place: str) -> list[tuple[str, int]]:
    return [
        (party, fen)
        for (where, party, owner), fen in list(driver.book(subject).items())
        if where == place and owner in "oSL" and fen > 0
    ]


def _answer(driver: Driver, subject: str) -> None:
    for party, _ in _spots(driver, subject, "hold"):
        driver.unfreeze(subject, party)
    for party in {party for party, _ in _spots(driver, subject, "missing")}:
        while _spots(driver, subject, "missing") and any(
            p == party for p, _ in _spots(driver, subject, "missing")
        ):
            driver.end_missing(subject, party, "found")
    for party, fen in _spots(driver, subject, "supplier.reserved"):
        if driver.rng.random() < 0.5:
            driver.succeed(subject, party, fen, 0)
        else:
            driver.give_back(subject, "supplier.reserved", party, fen)
    while open_refunds := _spots(driver, subject, "refunding"):
        driver.refund_step(subject, "refunding", *open_refunds[0], "accepted")
    while open_refunds := _spots(driver, subject, "refund.transit"):
        driver.refund_step(subject, "refund.transit", *open_refunds[0], "arrived")
    driver.verify()


def _bring_home(driver: Driver) -> None:
    for subject in list(driver.shadow.deals):
        for channel in CHANNELS:
            if driver.rng.random() < 0.5:
                driver.home(subject, channel)
                continue
            view = driver.view(subject)
            driver.settle(
                subject, channel, 0, view.at("channel", channel) + view.claim_at("channel", channel)
            )
    for channel in CHANNELS:
        driver.batch(channel, BANKS[0], [line for line in driver.lines if line[1] == channel], 0, 0)
    driver.verify()


def _refund_rest(driver: Driver, subject: str) -> None:
    """What bought nothing goes back to the buyer, whole."""
    deal = driver.shadow.deal(subject)
    left = deal.paid - deal.back()
    if left <= 0 or sum(deal.settled.values()):
        return
    if not driver.refund(subject, driver.gather_at(), left):
        raise Mismatch(f"{subject}: a refund of {left} is impossible with float in plenty")
    _answer(driver, subject)


def _check_rest(driver: Driver, subject: str) -> None:
    if subject[0] == "S" and driver.view(subject).claims():
        raise Mismatch(f"{subject}: a claim is stuck")
    for (place, party, owner), fen in driver.book(subject).items():
        if owner == "L" or (owner in "oS" and party and place not in AT_REST):
            raise Mismatch(f"{subject}: {fen} of {owner} is stuck at {place} {party}")
