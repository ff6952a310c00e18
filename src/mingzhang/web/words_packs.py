"""Words about evidence packs and receipts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def N_(text: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark a message for extraction; it is translated where it is shown."""
    return text


# By code: title, next step.
REFUSALS: Final[Mapping[str, tuple[str, str]]] = {
    "pack_too_large": (
        N_("这张订单的记录太多，装不进一份凭证包"),
        N_("请逐项下载订单凭证页上的凭据，或联系客服分批取得。"),
    ),
    "receipt_too_long": (N_("这份凭据放不进二维码"), N_("请下载它的 JSON 或 PDF。")),
}

EDITIONS: Final[Mapping[str, str]] = {
    "buyer": N_("买家版（已遮盖）"),
    "staff": N_("员工版（已遮盖，无成本）"),
    "auditor": N_("审计版（含成本与分录）"),
}
EDITION_GENERAL: Final = N_("其他版本")
