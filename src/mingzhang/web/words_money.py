"""Words about money between the shop and the outside that waits for a person (`words.py` merges them)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def N_(text: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark a message for extraction; it is translated where it is shown."""
    return text


WORK_KINDS: Final[Mapping[str, str]] = {
    "difference": N_("对账差异"),
    "payout": N_("渠道结算款"),
    "bank_line": N_("银行流水"),
    "instruction": N_("银行指令"),
    "bill": N_("账单"),
}
