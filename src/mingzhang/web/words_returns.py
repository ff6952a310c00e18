"""Words about money that goes back another way than planned (merged by the tables of `words.py` and `problems.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def N_(text: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark a message for extraction; it is translated where it is shown."""
    return text


EVENTS: Final[Mapping[str, str]] = {
    "refund_cut": N_("渠道已自行退回一部分，其余 %(amount)s 继续退款"),
    "refund_dropped": N_("渠道已自行退回全部款项，不再重复退款"),
}
REASONS: Final[Mapping[str, str]] = {
    "charged_back": N_("渠道已自行退回（拒付）"),
}
