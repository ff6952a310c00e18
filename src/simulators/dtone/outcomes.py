"""Error codes, transaction statuses, and outcomes picked by the account's last three digits (the vendor's table)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """An API error: HTTP status, the vendor's code and words. Nothing was accepted."""

    status: int
    code: int
    message: str


BAD_REQUEST = Refusal(400, 1000400, "Bad Request")
UNAUTHORIZED = Refusal(401, 1000401, "Unauthorized")
NO_RESOURCE = Refusal(404, 1000404, "Resource not found")
TOO_MANY = Refusal(429, 1000429, "Too many requests")
NO_PRODUCT = Refusal(404, 1003001, "Product is not available in your account")
WRONG_NUMBER = Refusal(400, 1005003, "Credit party mobile number is invalid")
BALANCE_SHORT = Refusal(400, 1006001, "Insufficient balance")
ID_USED = Refusal(400, 1007001, "Transaction external ID has already been used")
CONFIRMED_ALREADY = Refusal(400, 1007002, "Transaction has already been confirmed")
CONFIRM_TOO_LATE = Refusal(400, 1007004, "Transaction can no longer be confirmed")
CANCELLED_ALREADY = Refusal(400, 1007005, "Transaction has already been cancelled")
CANCEL_TOO_LATE = Refusal(400, 1007007, "Transaction can no longer be cancelled")
NO_TRANSACTION = Refusal(404, 1008004, "Transaction not found")
UNEXPECTED = Refusal(500, 1009001, "Unexpected error, please contact our support team")
UNAVAILABLE = Refusal(503, 1009503, "Service unavailable, please retry later")

CREATED, CONFIRMED, REJECTED, CANCELLED, SUBMITTED, COMPLETED, REVERSED, DECLINED = (
    "CREATED",
    "CONFIRMED",
    "REJECTED",
    "CANCELLED",
    "SUBMITTED",
    "COMPLETED",
    "REVERSED",
    "DECLINED",
)
CLASS_IDS = {
    CREATED: 1,
    CONFIRMED: 2,
    REJECTED: 3,
    CANCELLED: 4,
    SUBMITTED: 5,
    COMPLETED: 7,
    REVERSED: 8,
    DECLINED: 9,
}

AT_CREATION: dict[str, Refusal] = {
    "wrong_account": WRONG_NUMBER,
    "stock_out": NO_PRODUCT,
    "maintenance": UNAVAILABLE,
    "insufficient_balance": BALANCE_SHORT,
}
AFTER_ACCEPTANCE: dict[str, str] = {
    "account_banned": "DECLINED-BARRED-CREDIT-PARTY",
    "velocity_refused": "DECLINED-LIMITATIONS-ON-CREDIT-PARTY-QUANTITY",
    "region_refused": "DECLINED-INELIGIBLE-CREDIT-PARTY",
    "operator_unavailable": "DECLINED-OPERATOR-CURRENTLY-UNAVAILABLE",
    "declined": "DECLINED",
}
REJECTED_ON_CONFIRM = "REJECTED-LIMITATIONS-ON-CREDIT-PARTY-AMOUNT"

# The vendor's sandbox: the last digit tells the end, the third last how long it takes.
_BY_LAST_DIGIT = {
    "0": "",
    "1": "",
    "2": "DECLINED-INVALID-CREDIT-PARTY",
    "3": "DECLINED-BARRED-CREDIT-PARTY",
    "4": "DECLINED-OPERATOR-CURRENTLY-UNAVAILABLE",
    "5": "DECLINED-DUPLICATED-TRANSACTION",
    "6": "DECLINED",
    "7": "DECLINED-EXCEPTION",
}
_SECONDS = {"1": 3.0, "2": 20.0, "3": 300.0}


def by_suffix(account: str) -> tuple[str, float] | None:
    """The declined status (empty: success) and the virtual seconds that these digits pick, if they pick one."""
    suffix = account[-3:]
    if len(suffix) < 3 or suffix[0] not in _SECONDS or suffix[1] != "0" or suffix[2] not in _BY_LAST_DIGIT:
        return None
    return _BY_LAST_DIGIT[suffix[2]], _SECONDS[suffix[0]]
