"""The money as a picture: which of 您 → 通道 → 存管 → 供应商 the price has passed and where it lies now.

Shows P whole or its refunded and remaining parts; never cost, fee or margin (ledger.md).
"""

from __future__ import annotations

from typing import Final

import msgspec

from mingzhang.web.model import MoneyPart, OrderPage

# Which node of the picture a place belongs to.
NODES: Final = ("you", "channel", "custody", "supplier")
NODE_OF: Final = {
    "channel": 1,
    "hold": 1,
    "missing": 1,
    "suspense": 1,
    "transit.settlement": 2,
    "custody": 2,
    "supplier.reserved": 3,
    "supplier.settled": 3,
}
REFUND_PLACES: Final = ("refunding", "refund.transit", "refund.arrived", "refund.chargeback")


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One stop. ``state``: here, passed, todo, maybe, done (used for the order). ``amount_fen``: what
    lies here now."""

    code: str
    party: str
    state: str
    amount_fen: int = 0


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """``back``: the parts on their way back to the buyer, or there."""

    nodes: tuple[Node, ...]
    back: tuple[MoneyPart, ...]
    back_done: bool


def picture(page: OrderPage) -> Picture:
    """Place every part of the price on the way; an unpaid order's money is still with the buyer."""
    lying = [0, 0, 0, 0]
    parties = ["", _channel(page), "", ""]
    back = tuple(part for part in page.money if part.place in REFUND_PLACES)
    used = False
    for part in page.money:
        at = NODE_OF.get(part.place)
        if at is None:
            continue
        lying[at] += part.amount_fen
        parties[at] = part.party
        used = used or part.place == "supplier.settled"
    if not page.money and page.pay_badge in ("awaiting", "closed"):
        lying[0] = page.price_fen
    asking = not page.money and page.pay_badge == "confirming"
    furthest = max((at for at, fen in enumerate(lying) if fen), default=1 if back else 0)
    nodes = tuple(
        Node(
            code=code,
            party=parties[at],
            state="maybe" if asking and at == 1 else _state(at, lying[at], furthest, used=used and at == 3),
            amount_fen=lying[at],
        )
        for at, code in enumerate(NODES)
    )
    home = bool(back) and all(part.place == "refund.arrived" for part in back)
    return Picture(nodes=nodes, back=back, back_done=home)


def _state(at: int, fen: int, furthest: int, *, used: bool) -> str:
    if fen:
        return "done" if used else "here"
    return "passed" if at < furthest or (at == 1 and furthest == 1) else "todo"


def _channel(page: OrderPage) -> str:
    if page.payment is not None:
        return page.payment.channel
    if page.refund is not None:
        return page.refund.channel
    return next((hop.party for hop in page.hops if hop.place == "channel"), "")


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """One stop as the script draws it. `x`: 0 you, 1 channel, 2 the shop's account, 3 supplier; `row`: further suppliers
    stand below the first. `state`: as of a node, and for the buyer also home (it is back), coming (on its way back).
    `hop`: the newest hop that came here, counted from 1; 0 for none.
    """

    x: int
    row: int
    party: str
    state: str
    amount_fen: int
    hop: int = 0


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One way between two stops, by their numbers. `kind`: on, back (to the channel), home (to the buyer)."""

    start: int
    end: int
    kind: str
    amount_fen: int
    done: bool
    hop: int


class Drawing(msgspec.Struct, frozen=True, kw_only=True):
    """The picture for the script: stops and the ways that money took between them, newest last."""

    stops: tuple[Drawn, ...]
    lines: tuple[Line, ...]


def drawing(page: OrderPage) -> Drawing:
    """Every hop as a line between stops; several hops on the same way are one line with its newest amount."""
    flow = picture(page)
    stops = [
        Drawn(x=at, row=0, party=node.party, state=node.state, amount_fen=node.amount_fen)
        for at, node in enumerate(flow.nodes)
    ]
    lines: dict[tuple[int, int], Line] = {}
    for n, hop in enumerate(page.hops, 1):
        start = _stop(stops, hop.from_place, hop.from_party)
        end = _stop(stops, hop.place, hop.party)
        if hop.from_place in REFUND_PLACES:  # further on its way home: the same line, its newest word
            start = next((line.start for line in lines.values() if line.kind == "home"), start)
        if end != start:
            home = end == 0
            kind = "home" if home else "on" if stops[end].x > stops[start].x else "back"
            done = not home or hop.place == "refund.arrived"
            lines.pop((start, end), None)
            lines[start, end] = Line(
                start=start, end=end, kind=kind, amount_fen=hop.amount_fen, done=done, hop=n
            )
        stops[end] = msgspec.structs.replace(stops[end], hop=n)
    if flow.back:
        coming = "home" if flow.back_done else "coming"
        back_fen = sum(part.amount_fen for part in flow.back)
        stops[0] = msgspec.structs.replace(stops[0], state=coming, amount_fen=back_fen)
    return Drawing(stops=tuple(stops), lines=tuple(lines.values()))


def _stop(stops: list[Drawn], place: str, party: str) -> int:
    """The number of the stop that a place belongs to; a second supplier gets a stop of its own."""
    at = 0 if not place or place in REFUND_PLACES else NODE_OF.get(place, 1)
    if at != 3 or stops[3].party in ("", party):
        if at == 3:
            stops[3] = msgspec.structs.replace(stops[3], party=party)
        return at
    for n, stop in enumerate(stops[4:], 4):
        if stop.party == party:
            return n
    stops.append(Drawn(x=3, row=len(stops) - 3, party=party, state="passed", amount_fen=0))
    return len(stops) - 1
