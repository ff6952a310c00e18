"""The life of a payment attempt (支付单): what it may turn into, and until when it is asked about.

The statements of `store.sql` hold the same; a test watches every change that running houses make.
"""

from typing import Final

TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    "intent": frozenset({"open", "failed", "closed", "paid"}),
    "open": frozenset({"closed", "paid"}),
    "failed": frozenset({"paid"}),  # the channel's word against money is settled by the money
    "closed": frozenset({"paid"}),  # a buyer can still pay what we closed (F1, F17)
    "paid": frozenset({"contradicted"}),  # told paid, then denied (F4)
    "contradicted": frozenset(),
}
MEANING: Final[dict[str, str]] = {
    "intent": "on record before the call; the channel's answer is not known",
    "open": "the channel opened it",
    "failed": "the channel refused to open it",
    "closed": "its time ended, or the channel says closed; it is asked about on, and can still turn `paid`",
    "paid": "money came; the channel is asked once more",
    "contradicted": "told paid, then denied by the channel: the money is 待核实款项",
}
