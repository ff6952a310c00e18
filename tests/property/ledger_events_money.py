"""Events of money that comes in and is settled, and of the float and the house."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ledger_world import BANKS, CHANNELS, DEEP, FREE_PLACES, HOUSE, World, pile
from shadow_book import Mismatch

from mingzhang.ledger import postings


class Money(World):
    """Events of money that comes in and is settled, and of the float and the house."""

    def ev_capital(self) -> None:
        at = self.rng.choice([at for at in FREE_PLACES if at[0] != "channel"])
        fen = self.rng.randint(1, 30000)
        if self.post("capital_in", HOUSE, place=at[0], party=at[1], amount_fen=fen):
            self.shadow.shift(None, pile(at), fen)

    def ev_float(self) -> None:
        topup = ("transit.topup", "")
        at = self.rng.choice(FREE_PLACES)
        frm, to = (at, topup) if self.rng.random() < 0.5 else (topup, at)
        there = self.float_at(frm)
        if there > 0:
            fen = self.part(there)
            if self.post("float_moved", HOUSE, frm=frm, to=to, amount_fen=fen):
                self.shadow.shift(pile(frm), pile(to), fen)

    def ev_paid(self) -> None:
        again = self.subject("M") if self.rng.random() < 0.05 else None
        if not again and len(self.shadow.deals) >= DEEP:
            return
        subject, channel = again or self.new("M"), self.rng.choice(CHANNELS)
        fen = self.rng.choice((self.rng.randint(1, 9), self.rng.randint(10, 10000)))
        if self.post("paid", subject, channel=channel, amount_fen=fen):
            self.shadow.paid(subject, ("channel", channel), fen)

    def ev_unexplained(self) -> None:
        if len(self.shadow.deals) >= DEEP:
            return
        subject, at, fen = self.new("S"), self.gather_at(), self.rng.randint(1, 10000)
        if self.post("unexplained", subject, at=at, amount_fen=fen):
            self.shadow.paid(subject, pile(at), fen)

    def ev_settle(self) -> None:
        found = self.standing(("channel",))
        if not found:
            return
        subject, _, channel, _ = found
        view = self.view(subject)
        there = view.at("channel", channel) + view.claim_at("channel", channel)
        fee = self.rng.choice((0, there // 100, self.rng.randint(0, 9)))
        net = max(0, there - fee)
        net = self.rng.choice((net, net, net, self.rng.randint(0, net), net + self.rng.randint(0, 50), 0))
        self.settle(subject, channel, fee, net)

    def settle(self, subject: str, channel: str, fee: int, net: int) -> None:
        view, there = self.view(subject), self.float_at(("channel", channel))
        if self.post(
            "channel_settled",
            subject,
            self.book(subject),
            channel=channel,
            fee_fen=fee,
            net_fen=net,
            float_at_fen=there,
        ):
            self.shadow.settled(subject, view, channel, fee, net)
            if net:
                self.lines.append((subject, channel, net))

    def ev_fee_kept(self) -> None:
        subject = self.subject()
        if subject:
            self.settle(subject, self.rng.choice(CHANNELS), self.rng.randint(1, 20), 0)

    def ev_batch(self) -> None:
        channel, bank = self.rng.choice(CHANNELS), self.rng.choice(BANKS)
        lines = [line for line in self.lines if line[1] == channel]
        lines = [line for line in lines if self.rng.random() < 0.8]
        total = sum(fen for _, _, fen in lines)
        netted = self.rng.choice((0, 0, self.rng.randint(0, total)))
        short = self.rng.choice((0, 0, 0, self.rng.randint(0, min(5, total - netted))))
        self.batch(channel, bank, lines, netted, short)

    def batch(self, channel: str, bank: str, lines: list[Any], netted: int, short: int) -> None:
        """A bank line: the stored lines arrive, less netted refunds, less a shortfall."""
        for line in lines:
            subject, _, fen = line
            if not self.post(
                "bank_received", subject, self.book(subject), channel=channel, bank=bank, amount_fen=fen
            ):
                raise Mismatch(f"a stored line cannot be applied: {line}")
            self.lines.remove(line)
            self.shadow.shift(("transit", channel), ("bank", bank), fen)
        for row, fen, to in (
            ("batch_netted", netted, ("channel", channel)),
            ("batch_short", short, ("missing", bank)),
        ):
            self.uncover(row, fen, channel, bank, lines=lines, to=to)

    def uncover(
        self, row: str, fen: int, channel: str, bank: str, *, lines: list[Any], to: tuple[str, str]
    ) -> None:
        self.shadow.shift(("bank", bank), to, fen)
        covered = min(fen, self.float_at(("custody", bank)))
        if covered and row == "batch_netted":
            self.post(row, HOUSE, channel=channel, bank=bank, amount_fen=covered)
        elif covered:
            self.post(row, HOUSE, bank=bank, amount_fen=covered)
        left: Counter[str] = Counter()
        for subject, _, line in lines:
            left[subject] += line
        members = []
        for subject, line in left.items():
            view = self.view(subject)
            members.append((subject, min(line, view.at("custody", bank) + view.claim_at("custody", bank))))
        for subject, share in postings.share_uncovered(members, fen - covered):
            self.post("batch_taken", subject, self.book(subject), bank=bank, to=to, amount_fen=share)

    def ev_match(self) -> None:
        item, order = self.subject("S"), self.subject("M")
        if not item or not order:
            return
        if self.rng.random() < 0.5:
            if self.post("matched", item, self.book(item), order, self.book(order)):
                self.shadow.matched(item, order)
                self.lines = [(order if s == item else s, c, fen) for s, c, fen in self.lines]
        elif posting := self.post("handed_over", item, self.book(item)):
            self.handovers.append((posting, self.shadow.deals.pop(item)))

    def ev_take_over(self) -> None:
        order = self.subject("M")
        if order and self.handovers:
            posting, gone = self.handovers.pop()
            self.post("taken_over", order, self.book(order), handover=posting)
            self.shadow.deals["S-gone"] = gone
            self.shadow.matched("S-gone", order)
