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
    "contradicted": frozenset(
        {"paid", "unpaid"}
    ),  # confirmed after all (row 24), or proved unpaid by two people
    "unpaid": frozenset({"paid"}),  # the channel's later word against it is settled by the money, too
}
MEANING: Final[dict[str, str]] = {
    "intent": "on record before the call; the channel's answer is not known",
    "open": "the channel opened it",
    "failed": "the channel refused to open it",
    "closed": "its time ended, or the channel says closed; it is asked about on, and can still turn `paid`",
    "paid": "money came; the channel is asked once more",
    "contradicted": "told paid, then denied by the channel: the money is 待核实款项, and it is asked about on",
    "unpaid": "two people proved that no money ever came; what comes later under it is taken in all the same",
}

# A suspense item (挂账): money put aside. `open` with next_actor shop: about to go back by itself.
SUSPENSE: Final[dict[str, frozenset[str]]] = {
    "open": frozenset({"refunding", "refunded", "matched", "unpaid"}),
    "refunding": frozenset({"refunded", "open"}),
    "refunded": frozenset({"open"}),  # the bank returned the transfer
    "matched": frozenset(),
    "unpaid": frozenset(),
}
SUSPENSE_MEANING: Final[dict[str, str]] = {
    "open": "put aside: it goes back by itself, or waits for a person (the row says whose turn it is)",
    "refunding": "on its way back: by the original path, or by the bank where that is closed",
    "refunded": "the channel has given it back, or the bank has paid it out",
    "matched": "two people gave it to its order, whose money it is now",
    "unpaid": "denied by the channel, and two people proved that no money ever came",
}
SUSPENSE_OPEN: Final = frozenset({"open", "refunding"})
# A trade that somebody told of and that the channel is asked about.
HINTS: Final[dict[str, frozenset[str]]] = {
    "waiting": frozenset({"found", "denied"}),
    "denied": frozenset({"waiting", "found"}),
    "found": frozenset(),
}
HINT_MEANING: Final[dict[str, str]] = {
    "waiting": "the channel is asked about the trade",
    "denied": "the channel knows no such paid trade; told again, it is asked again",
    "found": "paid, says the channel: the fact is on record",
}
