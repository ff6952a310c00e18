"""Manual fulfilment, made like every other supplier; named by an entry point (`mingzhang.suppliers`)."""

from __future__ import annotations

from mingzhang.fulfilment.manual.by_hand import ByHand
from mingzhang.fulfilment.suppliers.base import Supplier
from mingzhang.kit.adapter import Given


def make_manual(given: Given) -> Supplier | None:
    """On unless ``off`` is set. ``within_s``: when staff should have ended a task, the shop's seconds."""
    if given.settings.flag("off"):
        return None
    house = given.house()
    within_s = given.settings.number("within_s", 14_400.0)
    return ByHand(house.pool, house.vault, given.clock, name=given.name, within_s=within_s)
