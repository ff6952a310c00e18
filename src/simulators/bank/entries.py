"""The bank's faults, for the catalogue. They are put on the references of payouts and instructions, or on a day."""

from __future__ import annotations

ROWS: tuple[tuple[str, str, str, dict[str, object]], ...] = (
    ("late_line", "入账延迟", "the payout is booked late", {"s": 3600}),
    ("short_line", "到账少于结算额", "less arrives than was settled", {"fen": 1}),
    ("excess_line", "到账多于结算额", "more arrives than was settled", {"fen": 1}),
    (
        "duplicate_line",
        "对账单里同一行出现两次",
        "a line stands twice in the file, not in the balance",
        {"times": 1},
    ),
    ("line_missing", "对账单少一行", "a line is not in the file, but in the balance", {"times": 1}),
    (
        "statement_late",
        "对账单迟到",
        "the statement is listed late; put on STATEMENT and the day (STATEMENT20261124)",
        {"s": 7200},
    ),
    (
        "transfer_returned",
        "汇出款被退回",
        "what was instructed leaves and comes back under its reference",
        {"s": 3600},
    ),
    ("no_closing", "对账单没有期末余额", "the file ends before the closing balance", {"times": 1}),
    (
        "transfer_refused",
        "转账指令被拒绝",
        "the instruction is refused: the payee's account is closed",
        {"times": 1},
    ),
    ("refund_returned", "转账退回", "a transfer that was paid out comes back", {"s": 60}),
    ("status_lost", "指令回执丢失", "the instruction is carried out, its answer is lost", {"times": 1}),
)
