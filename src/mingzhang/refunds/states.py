"""The life of a refund (退款单): what it may turn into.

The statements of `store.sql` hold the same; a test watches every change that running houses make.
"""

from typing import Final

TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    "ready": frozenset({"sending", "dropped"}),
    "waiting_float": frozenset({"sending", "dropped"}),
    "sending": frozenset({"waiting_float", "unknown", "accepted", "refused"}),
    "unknown": frozenset({"accepted", "refused"}),
    "accepted": frozenset({"arrived", "refused"}),
    "arrived": frozenset({"returned"}),
    "refused": frozenset(),
    "dropped": frozenset(),
    "returned": frozenset(),
}
MEANING: Final[dict[str, str]] = {
    "ready": "planned, its number fixed for ever",
    "waiting_float": "the money could not be gathered yet: visible, and tried again",
    "sending": "gathered, the intent is on record",
    "unknown": "asked about by its number; if not found, the same number is sent again",
    "accepted": "the channel took it (退款处理中)",
    "arrived": "the channel has given the money back (渠道已退款); the bank may need days more",
    "refused": "the channel, or the bank of a transfer, refused: the order needs a person",
    "returned": "a bank transfer came back (账户收不了款): the buyer is asked for another account",
    "dropped": "never sent, and not to be sent: no payment came (F4), or the channel took it back by itself (row 22)",
}
