"""What the trust page says (R45), on the page and as JSON. Amounts in fen; shares in millionths, rounded down."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from mingzhang.catalogue.terms import Paper, Piece


class SupplierSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A supplier by what it did here: deliveries and refusals it gave its word on, since its first delivery."""

    supplier: str
    delivered: int
    refused: int
    first_at: datetime | None = None
    last_at: datetime | None = None


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """Live service figures of the last ``days``. ``n``: last words of suppliers; ``arrived``: of them deliveries;
    ``p50_s``, ``p90_s``: from payment to arrival; ``kept_ppm``: arrived within the promise; ``refunds``: the newest
    refunds that were made, and what they took until the channel said so."""

    days: int
    n: int
    success_ppm: int | None
    arrived: int
    p50_s: float | None
    p90_s: float | None
    kept_ppm: int | None
    refunds: int
    refund_p50_s: float | None
    refund_p90_s: float | None
    as_of: datetime | None


class BreachCount(msgspec.Struct, frozen=True, kw_only=True):
    """Deadlines missed of one kind (`orders.breaches`), by who was late."""

    kind: str
    late_actor: str
    n: int
    last_at: datetime


class DisputesTold(msgspec.Struct, frozen=True, kw_only=True):
    """Buyers' disputes of the same days: opened, at an end, still open (whenever opened); how long the first answer took
    (seconds, None without one); how they ended; which terms this shop missed, by stage."""

    opened: int
    closed: int
    still_open: int
    answer_p50_s: float | None
    answer_p90_s: float | None
    outcomes: Mapping[str, int]
    missed: Mapping[str, int]


class CoverageDay(msgspec.Struct, frozen=True, kw_only=True):
    """Coverage at the end of a Beijing day: ``coverage`` with four decimals, rounded down, "" while nothing is owed."""

    day: str
    coverage: str
    covered_fen: int
    owed_fen: int
    new_money_fen: int

    @property
    def short(self) -> bool:
        """Less was there than was owed."""
        return self.covered_fen < self.owed_fen


class ProofRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a day's proof. ``kind``: statement, words, line, payout, netted, arriving, denied, shops (what is not
    the buyers': float, its claims, margin), owed; ``sha256``: of the statement as it was read."""

    kind: str
    party: str
    fen: int
    sha256: str = ""


class DayProof(msgspec.Struct, frozen=True, kw_only=True):
    """A day's coverage with every row that it is made of."""

    day: CoverageDay
    rows: tuple[ProofRow, ...]
    owed: OwedDay | None = None


class LicenceShown(msgspec.Struct, frozen=True, kw_only=True):
    """A licence in the registry, as it stands or stood. ``state``: valid, ends_soon (within 30 days), ended; ``kind``: own,
    channel, supplier, bank; ``picture``: where its picture is, of our own alone; ``url``: all its versions."""

    kind: str
    party: str
    title: str
    number: str
    issuer: str
    scope: str
    valid_until: str
    state: str
    version: int
    set_at: datetime | None
    source_url: str
    picture: str
    url: str


class OwedDay(msgspec.Struct, frozen=True, kw_only=True):
    """What was owed to all buyers at a day's end. ``root``: of the sum tree, hex; ``leaves``: claims; ``standing``: where
    their money lay, by place; ``statement_url``: as it stands in the public record."""

    day: str
    total_fen: int
    leaves: int
    root: str
    standing: dict[str, int]
    statement_url: str


class SignedState(msgspec.Struct, frozen=True, kw_only=True):
    """The public record as it was signed last. ``root``: hex; ``key``: the record's public key, as verifiers take it."""

    size: int
    root: str
    signed_at: datetime
    key: str
    cosigned_by: tuple[str, ...] = ()
    cosigned_size: int = 0


class PaperVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version of rules, agreement or privacy terms. ``state``: coming (公示中), holds, past; ``sha256``: of both texts."""

    kind: str
    version: int
    state: str
    published_at: datetime
    effective_at: datetime
    sha256: str
    url: str


class PaperPage(msgspec.Struct, frozen=True, kw_only=True):
    """One version with its texts, and what it says otherwise than the one before (in the reader's language)."""

    paper: Paper
    state: str
    before: int
    pieces: tuple[Piece, ...] = ()
    recorded: bool = False


class PaperDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What staff are about to publish, beside what it changes, in both languages."""

    paper: Paper
    before: int
    pieces_zh: tuple[Piece, ...]
    pieces_en: tuple[Piece, ...]


class TrustPage(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. ``custody``: custody, self (商家自有账户,未存管), or none where no bank statement is read;
    ``new_money_fen``: new money that pays old orders (拆东墙补西墙), as of the last look."""

    made_at: datetime
    custody: str
    coverage: str
    short: bool
    new_money_fen: int
    looked_at: datetime | None
    days: tuple[CoverageDay, ...]
    suppliers: tuple[SupplierSeen, ...]
    service: Service
    breach_days: int
    breaches: tuple[BreachCount, ...]
    disputes: DisputesTold
    papers: tuple[PaperVersion, ...]
    licences: tuple[LicenceShown, ...] = ()
    owed: tuple[OwedDay, ...] = ()
    record: SignedState | None = None
    licence: str = ""
    icp: str = ""
    address: str = ""
