"""The life of an attempt at a supplier (供货单): what it may turn into.

The statements of `store.sql` hold the same; a test watches every change that running houses make.
"""

from typing import Final

_LAST_WORDS: Final = frozenset({"succeeded", "refused", "reversed"})
TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    "ready": frozenset({"sending", "cancelled"}),
    "sending": frozenset({"ready", "processing", "unknown"}) | _LAST_WORDS,
    "processing": _LAST_WORDS,
    "unknown": frozenset({"processing"}) | _LAST_WORDS,
    "succeeded": frozenset({"reversed"}),  # taken back (F19)
    "refused": frozenset({"succeeded"}),  # a success that comes late (ledger row 19)
    "reversed": frozenset({"succeeded"}),
    "cancelled": frozenset(),
}
MEANING: Final[dict[str, str]] = {
    "ready": "planned, or proved not sent: the same number may go out",
    "sending": "the intent is on record; from here a silence is unknown",
    "processing": "the supplier says it is at work",
    "unknown": "it may or may not have been taken: asked about, never sent again, never routed elsewhere",
    "succeeded": "the supplier delivered",
    "refused": "the supplier refused, with a reason",
    "reversed": "the supplier took it back",
    "cancelled": "never sent: the payment was denied, or the order had ended otherwise",
}
