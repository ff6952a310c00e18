"""What both sides of a reconciliation are made of: lines in one normalised form, and the differences between them."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

import msgspec

from mingzhang.kit.money import Fen


class Kind(StrEnum):
    """What a line is about. Amounts are positive; the kind says which way the money went."""

    PAID = "paid"  # 收款: a payer's money came to the channel
    REFUND = "refund"  # 退款
    SETTLED = "settled"  # 结算/提现: from the channel to the bank
    RECEIVED = "received"  # 到账: at the bank
    SENT = "sent"  # 付款: out of the bank
    CHARGE = "charge"  # 手续费或服务费: the party's own charge
    TOPUP = "topup"  # 充值/预存: float to a supplier or channel
    SUPPLY = "supply"  # 采购: a supplier's order
    RETURNED = "returned"  # 供应商退回
    BALANCE = "balance"  # a party's balance at the end of the day
    OTHER = "other"


class Word(StrEnum):
    """How far the matter of a line is, in one vocabulary for both sides."""

    DONE = "done"
    OPEN = "open"
    FAILED = "failed"


class BreakClass(StrEnum):
    """Why two sides do not agree (差异类型)."""

    TIMING = "timing"  # 时间差: the other side's next file should have it (日切)
    MISSING_OURS = "missing_ours"  # 长款: they have it, we do not
    MISSING_THEIRS = "missing_theirs"  # 短款: we have it, they do not
    AMOUNT = "amount"  # 金额不符
    FEE = "fee"  # 手续费不符
    DUPLICATE = "duplicate"  # 重复
    STATE_CONFLICT = "state_conflict"  # 状态不符
    WRONG_DAY = "wrong_day"  # 日期不符
    UNKNOWN_COUNTERPARTY = "unknown_counterparty"  # 对方不明: a number that was never ours


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a bill, list or statement, normalised.

    `key`: what both sides know it by, exactly (a trade's own number, our refund number, our attempt number); unique
    within its kind. `fee_fen`: None when the file does not say. `day`: the Beijing day of `occurred_at`.
    `position`: the line's number in the raw file, from 1.
    """

    kind: Kind
    key: str
    our_no: str
    their_no: str
    amount_fen: Fen
    fee_fen: int | None
    state: Word
    occurred_at: datetime
    position: int


class OurLine(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the ledger in the same form. `subject`: order or suspense item; `evidence_id`: what it cites.

    `day`: the Beijing day on which the other side should list it. `carried`: left over from an earlier day's file.
    """

    kind: Kind
    key: str
    our_no: str
    their_no: str
    amount_fen: Fen
    fee_fen: int | None
    state: Word
    occurred_at: datetime
    day: date
    subject: str
    evidence_id: str
    carried: bool = False


class TheirSide(msgspec.Struct, frozen=True, kw_only=True):
    """Their half of a difference; `at`: seconds since 1970."""

    position: int
    our_no: str
    their_no: str
    amount_fen: int
    fee_fen: int | None
    state: str
    at: int
    day: date


class OurSide(msgspec.Struct, frozen=True, kw_only=True):
    """Our half of a difference; `at`: seconds since 1970."""

    subject: str
    evidence_id: str
    our_no: str
    their_no: str
    amount_fen: int
    fee_fen: int | None
    state: str
    at: int
    day: date


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One difference. `n`: 0, or which repetition of the key it is. `settled`: both sides are there and agree,
    only on two days with one 日切 between them.
    """

    cls: BreakClass
    kind: str
    key: str
    n: int = 0
    settled: bool = False
    theirs: TheirSide | None = None
    ours: OurSide | None = None

    @property
    def stake_fen(self) -> int:
        """What is in doubt: the whole amount of a lone line, else the difference (of fees, where those differ)."""
        if self.theirs is None or self.ours is None:
            side = self.theirs or self.ours
            return side.amount_fen if side else 0
        if self.cls is BreakClass.FEE:
            return abs((self.theirs.fee_fen or 0) - (self.ours.fee_fen or 0))
        if self.cls is BreakClass.AMOUNT:
            return abs(self.theirs.amount_fen - self.ours.amount_fen)
        return max(self.theirs.amount_fen, self.ours.amount_fen)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A line of theirs that the day's ledger lacks: looked for on other days before anything is said of it."""

    kind: str
    key: str
    our_no: str


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Lines and fen of one kind on both sides."""

    kind: str
    theirs_n: int
    theirs_fen: int
    ours_n: int
    ours_fen: int
