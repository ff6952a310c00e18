"""What DT One's status classes, statuses and error codes mean: refused with a reason, or unknown.

The vendor asks to decide by class and to read the status only for the reason. A class and its id that do not
belong together, and any class that is not in the vendor's table, are unknown. Source: wire.md; the vendor's
tables of API error codes and transaction statuses.
"""

from __future__ import annotations

from typing import Final

from mingzhang.fulfilment.suppliers.base import Reason, SupplyState

CREATED: Final = "CREATED"
CANCELLED: Final = "CANCELLED"

_CLASSES: Final = {
    1: (CREATED, SupplyState.PROCESSING),
    2: ("CONFIRMED", SupplyState.PROCESSING),
    3: ("REJECTED", SupplyState.REFUSED),
    4: (CANCELLED, SupplyState.REFUSED),
    5: ("SUBMITTED", SupplyState.PROCESSING),
    7: ("COMPLETED", SupplyState.SUCCEEDED),
    8: ("REVERSED", SupplyState.REVERSED),
    9: ("DECLINED", SupplyState.REFUSED),
}

# First match counts; the status is the class, a dash and these words.
_STATUS_WORDS: Final = (
    ("INSUFFICIENT-BALANCE", Reason.PREFUND_SHORT),
    ("LIMITATIONS-ON", Reason.VELOCITY),
    ("DUPLICATED-TRANSACTION", Reason.VELOCITY),  # the operator turns a quick repeat away; ours has one id
    ("OPERATOR-CURRENTLY-UNAVAILABLE", Reason.MAINTENANCE),
    ("INELIGIBLE-CREDIT-PARTY", Reason.WRONG_REGION),
    ("BARRED-CREDIT-PARTY", Reason.ACCOUNT_BANNED),
    ("INVALID-CREDIT-PARTY", Reason.WRONG_ACCOUNT),
)

NOT_FOUND: Final = "1008004"
TOO_MANY: Final = "1000429"
_DUPLICATES: Final = frozenset({"1007001", "1007002"})

# An answer of these to a creation says that nothing was accepted. And were it wrong: what is only created
# can't top anything up, because we alone confirm it and do so only after a good answer.
_REFUSALS: Final[dict[str, Reason]] = {
    "1000400": Reason.SUPPLIER_ERROR,  # Bad Request
    "1000401": Reason.SUPPLIER_ERROR,  # Unauthorized
    "1000404": Reason.SUPPLIER_ERROR,  # Resource not found
    "1003001": Reason.OFF_SALE,  # Product is not available in your account
    "1003002": Reason.SUPPLIER_ERROR,  # Requested product amount is out of range
    "1003003": Reason.SUPPLIER_ERROR,  # Requested product unit is invalid
    "1005003": Reason.WRONG_ACCOUNT,  # Credit party mobile number is invalid
    "1005503": Reason.SUPPLIER_ERROR,  # Sender mobile number is invalid
    "1006001": Reason.PREFUND_SHORT,  # Insufficient balance
    "1006003": Reason.SUPPLIER_ERROR,  # Debit party mobile number is invalid
    "1006009": Reason.SUPPLIER_ERROR,  # Account balance not found
    "1006503": Reason.WRONG_ACCOUNT,  # Beneficiary mobile number is invalid
    "1007500": Reason.SUPPLIER_ERROR,  # Method not supported by operator
    "1009503": Reason.MAINTENANCE,  # Service unavailable, please retry later
}


def state_of(class_id: object, class_name: object) -> SupplyState:
    """The state of a status class; unknown unless id and name are the vendor's pair."""
    known = _CLASSES.get(class_id) if isinstance(class_id, int) else None
    return known[1] if known is not None and known[0] == class_name else SupplyState.UNKNOWN


def reason_of(status: str) -> Reason:
    """Why a transaction was rejected, declined or cancelled."""
    return next((reason for words, reason in _STATUS_WORDS if words in status), Reason.SUPPLIER_ERROR)


def refusal_of(code: str) -> Reason | None:
    """The reason when a creation was certainly not accepted, else None: unknown."""
    return _REFUSALS.get(code)


def is_duplicate(code: str) -> bool:
    """Whether the number exists or is confirmed already: sent before, so it is to be asked for (F9)."""
    return code in _DUPLICATES
