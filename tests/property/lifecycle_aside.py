"""Money put aside beside an order, in pure Python: it goes back by itself, or waits for a person. No I/O."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from mingzhang.refunds.flow import ASK_S


@dataclass
class Aside:
    """One suspense item (挂账) of `fen`. ``refund``: the state of its refund, empty before; ``money``: by place."""

    fen: int
    payment_no: str
    actor: str
    state: str = "open"
    holder: str = "channel"
    refund: str = ""
    refund_no: str = ""
    questions: int = 0
    money: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.money["channel"] = self.fen

    def shift(self, frm: str, to: str) -> None:
        """All of it, from place to place."""
        assert self.money == {frm: self.fen}
        self.money = Counter({to: self.fen})
        self.holder = to

    def deny(self) -> None:
        """The channel knows no such trade: missing, unless it is on its way back already."""
        if self.state == "open" and self.holder == "channel":
            self.shift("channel", "missing")
            self.actor = "person"

    def asked(self, answer: str, refund_no: str, left_s: float) -> None:
        """Before it goes back by itself the channel is asked about the very trade, until its time is over."""
        if self.state != "open" or self.actor != "shop":
            return
        if answer == "unknown":
            self.questions += 1
            if ASK_S[min(self.questions, len(ASK_S) - 1)] > left_s:
                self.actor = "person"
        elif answer in {"paid", "refunded"}:
            self.state, self.refund, self.refund_no = "refunding", "ready", refund_no
        else:
            self.deny()

    def gathered(self) -> bool:
        """Row 13: it is all there."""
        if self.refund == "ready":
            self.shift("channel", "refunding")
            self.refund, self.actor = "sending", "channel"
        return True

    def apply(self, kind: str) -> None:
        """What the channel said of its refund."""
        if self.refund in {"arrived", "refused"}:
            return
        if kind == "refund_refused":
            self.shift("refunding", "channel")
            self.state, self.refund, self.actor = "open", "refused", "person"
            return
        if self.refund != "accepted":
            self.shift("refunding", "refund.transit")
            self.refund, self.actor = "accepted", "channel"
        if kind == "refund_arrived":
            self.shift("refund.transit", "refund.arrived")
            self.state, self.refund, self.actor = "refunded", "arrived", ""
