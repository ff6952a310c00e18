"""The rows of a history as lines for COPY, by table. Every line ends with a line feed; `\\N` is null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# In the order in which they are sent; columns that are not named take their defaults.
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "evidence": (
        *("evidence_id", "party", "kind", "direction", "standing", "content_type", "body", "sha256", "note"),
        "known_at",
    ),
    "placement": ("client", "key", "request_hash", "bucket", "order_id", "placed_at"),
    "fact": (
        *("party", "kind", "external_id", "bucket", "subject", "content", "content_hash", "evidence_id"),
        "known_at",
    ),
    "number": ("value", "kind", "bucket", "order_id"),
    "applied": ("bucket", "key", "request_hash", "result", "applied_at"),
    "orders": (
        *("bucket", "order_id", "state", "reason", "seq", "product_id", "kind", "title_zh", "title_en"),
        *("quantity", "face_value_fen", "price_fen", "cost_fen", "supplier", "supplier_product"),
        *("rule_version", "promise_s", "account_mask", "account_enc", "account_hash", "contact_mask"),
        *("contact_enc", "contact_hash", "token_hash", "language", "holder", "next_actor", "due_at"),
        *("deadline_at", "placed_at", "expires_at", "paid_at", "finished_at"),
    ),
    "event": ("bucket", "order_id", "seq", "kind", "at", "evidence_id", "data"),
    "leg": (
        *("bucket", "subject", "seq", "n", "posting", "place", "party", "owner", "amount_fen", "evidence_id"),
        "at",
    ),
    "payment": (
        *("bucket", "payment_no", "order_id", "n", "channel", "method", "amount_fen", "state", "url"),
        *("transaction_id", "paid_fen", "buyer_mask", "asked", "asked_at", "holder", "next_actor", "due_at"),
        *("deadline_at", "opened_at", "expires_at", "paid_at"),
    ),
    "suspense": (
        *("bucket", "item_id", "seq", "state", "cause", "reason", "channel", "transaction_id", "payment_no"),
        *("order_id", "amount_fen", "trade_fen", "holder", "next_actor", "due_at", "deadline_at", "known_at"),
        "since",
    ),
    "supply_attempt": (
        *("bucket", "attempt_no", "order_id", "n", "supplier", "supplier_product", "kind", "quantity"),
        *("cost_fen", "state", "reason", "code", "supplier_order_id", "serial", "feedback", "asked"),
        *(
            "asked_at",
            "answered_at",
            "holder",
            "next_actor",
            "due_at",
            "deadline_at",
            "planned_at",
            "sent_at",
        ),
        *("finished_at", "choice", "units", "watched", "since"),
    ),
    "delivered_card": (
        *("bucket", "order_id", "attempt_no", "n", "card_enc", "card_hash", "delivered_at", "key_no"),
    ),
    "refund": (
        *("bucket", "refund_no", "order_id", "n", "payment_no", "transaction_id", "channel", "amount_fen"),
        *("total_fen", "cause", "state", "destination", "reference", "asked", "asked_at", "holder"),
        *("next_actor", "due_at", "deadline_at", "promised_at", "planned_at", "accepted_at", "arrived_at"),
    ),
    "claim": (
        *("bucket", "claim_id", "order_id", "n", "state", "number", "unpaid", "said", "evidence_id", "asked"),
        *("asked_at", "holder", "next_actor", "due_at", "deadline_at", "made_at", "finished_at", "answer"),
        *("answered_by", "since"),
    ),
    "account_correction": (
        *("bucket", "order_id", "n", "seq", "reason", "old_mask", "old_enc", "old_hash", "new_mask"),
        *("new_enc", "new_hash", "at"),
    ),
    "unlogged": ("bucket", "subjects", "noted_at"),
    "breach": (
        *("bucket", "kind", "key", "deadline_at", "subject", "state", "late_actor", "next_actor", "at"),
    ),
}

NOTED_TOGETHER: Final = 100


class Sheets:
    """The lines of one piece of a history. One list a table, as attribute names are looked up by the story."""

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {table: [] for table in COLUMNS}
        self.subjects: list[str] = []  # orders and items, for the public record

    def add(self, table: str, *values: object) -> None:
        """One row of a table that not every order writes: None is null, bytes are hex, texts are escaped."""
        self.lines[table].append("\t".join(map(_cell, values)) + "\n")

    def note_subjects(self, bucket: int, at: str) -> None:
        """Have the public record take in what was written, as it takes in what a turn changed."""
        for first in range(0, len(self.subjects), NOTED_TOGETHER):
            some = ",".join(self.subjects[first : first + NOTED_TOGETHER])
            self.add("unlogged", bucket, f"{{{some}}}", at)

    def text(self, table: str) -> bytes:
        """What is sent."""
        return "".join(self.lines[table]).encode()


def _cell(value: object) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    if isinstance(value, bool):
        return "t" if value else "f"
    return escaped(str(value))


def escaped(text: str) -> str:
    """A text as COPY wants it."""
    if "\\" not in text and "\t" not in text and "\n" not in text and "\r" not in text:
        return text
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
