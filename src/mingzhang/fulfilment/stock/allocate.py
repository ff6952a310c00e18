"""Who gets which cards: pure arithmetic over what lies next on the shelf.

Ordered refusals: too few cards is STOCK_OUT, cards that cost more than the attempt may is PRICE_CHANGED; a
refused attempt takes nothing, so that a smaller one behind it may still be served. Cards go out in the
order in which they lie (FIFO by expiry and batch). Source: scale.md 17; ledger row 25; F6-F8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from mingzhang.fulfilment.suppliers.base import Reason
from mingzhang.kit.money import Fen


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt's wish. ``safe_cost_fen``: the most that its cards may have cost us together."""

    attempt_no: str
    product: str
    quantity: int
    safe_cost_fen: Fen


class ShelfCard(msgspec.Struct, frozen=True, kw_only=True):
    """A card that may be given: its batch and number there, its cost, and whether it may be given again."""

    batch_id: str
    n: int
    unit_cost_fen: Fen
    reusable: bool
    card_enc: bytes


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt is answered: its cards with their cost, or the reason why it gets none."""

    wish: Wish
    cards: tuple[ShelfCard, ...] = ()
    cost_fen: Fen = 0
    reason: Reason | None = None


def allocate(wishes: Sequence[Wish], shelves: Mapping[str, Sequence[ShelfCard]]) -> list[Grant]:
    """One grant a wish, in their order. ``shelves``: by product, what lies there, next first."""
    at = dict.fromkeys(shelves, 0)
    grants: list[Grant] = []
    for wish in wishes:
        shelf = shelves.get(wish.product, ())
        position = at.get(wish.product, 0)
        cards: list[ShelfCard] = []
        while len(cards) < wish.quantity and position < len(shelf):
            cards.append(shelf[position])
            if not shelf[position].reusable:
                position += 1
        cost_fen = sum(card.unit_cost_fen for card in cards)
        if len(cards) < wish.quantity:
            grants.append(Grant(wish=wish, reason=Reason.STOCK_OUT))
        elif cost_fen > wish.safe_cost_fen:
            grants.append(Grant(wish=wish, reason=Reason.PRICE_CHANGED))
        else:
            at[wish.product] = position
            grants.append(Grant(wish=wish, cards=tuple(cards), cost_fen=cost_fen))
    return grants


def advances(grants: Sequence[Grant]) -> dict[str, tuple[int, int]]:
    """By batch: the highest number given out, and how many were."""
    moved: dict[str, tuple[int, int]] = {}
    for grant in grants:
        for card in grant.cards:
            if not card.reusable:
                highest, gone = moved.get(card.batch_id, (0, 0))
                moved[card.batch_id] = (max(highest, card.n), gone + 1)
    return moved
