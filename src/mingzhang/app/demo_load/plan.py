"""A history as a plan: which orders, when, and how each goes, piece by piece; the same plan gives the same history.

But for the nonces of what is sealed: those are random, as they must be under one key.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Final

import msgspec

from mingzhang.app.demo_load.goods import QUANTITIES, Goods, Wheel
from mingzhang.app.demo_load.life import Teller
from mingzhang.app.demo_load.open_tales import STANDING, Open, fits
from mingzhang.app.demo_load.sheets import Sheets
from mingzhang.app.demo_load.story import Story
from mingzhang.app.demo_load.tales import ENDED, HOUR_S, tell
from mingzhang.app.demo_load.times import Curve
from mingzhang.kit.vault import Vault

PIECE: Final = 1000
OPEN_MAX: Final = 4000
TRIES_MAX: Final = 50
_ENDED: Final = Wheel([weight for weight, _ in ENDED])
_STANDING: Final = Wheel([each.share for each in STANDING])


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A whole history. ``ends_at``: its present, aware UTC; ``rules``: the number of the shop's rules."""

    seed: int
    orders: int
    days: int
    ends_at: datetime
    buckets: int
    goods: tuple[Goods, ...]
    rules: int

    @property
    def pieces(self) -> int:
        """So many, numbered from 0; each is one transaction."""
        return -(-self.orders // PIECE)

    @property
    def standing(self) -> int:
        """How many orders, the last ones, stand open on purpose; others may do so by the time they were placed."""
        return min(max(self.orders // 250, min(self.orders // 3, 30)), OPEN_MAX)

    def size(self, piece: int) -> int:
        """Orders in a piece."""
        return min(PIECE, self.orders - piece * PIECE)

    def bucket(self, piece: int) -> int:
        """Where a piece's orders live."""
        return piece % self.buckets

    def costs(self) -> dict[str, int]:
        """For each supplier more than all orders can cost there, fen: the opening balance that covers them."""
        dearest = max(source.cost_fen * max(goods.prices) for goods in self.goods for source in goods.sources)
        suppliers = sorted({source.supplier for goods in self.goods for source in goods.sources})
        return dict.fromkeys(suppliers, dearest * self.orders)


class Maker:
    """Makes pieces of one plan, in one process."""

    def __init__(self, plan: Plan, vault: Vault) -> None:
        self._plan, self._vault = plan, vault
        self._curve = Curve(plan.ends_at, plan.days)
        self._wheel = Wheel([goods.weight for goods in plan.goods])

    def make(self, piece: int) -> Sheets:
        """One piece's rows."""
        plan, rng, sheets = self._plan, Random(f"{self._plan.seed}:{piece}"), Sheets()
        teller = Teller(
            sheets=sheets,
            rng=rng,
            vault=self._vault,
            now=plan.ends_at,
            bucket=plan.bucket(piece),
            customers=max(20, plan.orders // 4),
            rules=plan.rules,
        )
        ended = plan.orders - plan.standing
        for number in range(piece * PIECE, piece * PIECE + plan.size(piece)):
            if number < ended:
                self._ended(teller, (number + rng.random()) / ended)
            else:
                self._standing(teller, number - ended)
        sheets.note_subjects(teller.bucket, plan.ends_at.isoformat())
        return sheets

    def _ended(self, teller: Teller, share: float) -> None:
        goods = self._plan.goods[self._wheel.draw(teller.rng)]
        tell(self._begin(teller, goods, self._curve.at(share)), ENDED[_ENDED.draw(teller.rng)][1])

    def _standing(self, teller: Teller, number: int) -> None:
        rng = teller.rng
        each = STANDING[number] if number < len(STANDING) else STANDING[_STANDING.draw(rng)]
        youngest, oldest = each.youngest_s, min(each.oldest_s, self._plan.days * 24 * HOUR_S)
        at = teller.now - timedelta(seconds=rng.uniform(min(youngest, oldest), oldest))
        tell(self._begin(teller, self._fitting(teller, each), at), each.tale)

    def _fitting(self, teller: Teller, each: Open) -> Goods:
        for _ in range(TRIES_MAX):
            goods = self._plan.goods[self._wheel.draw(teller.rng)]
            if fits(each.tale, goods):
                return goods
        return next((goods for goods in self._plan.goods if fits(each.tale, goods)), self._plan.goods[0])

    def _begin(self, teller: Teller, goods: Goods, at: datetime) -> Story:
        quantity = QUANTITIES[int(teller.rng.random() * len(QUANTITIES))]
        if quantity not in goods.prices:
            quantity = next(iter(goods.prices))
        return Story(teller, goods, at, quantity)
