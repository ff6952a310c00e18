"""Complaints at a payment channel: what buyers do, what the merchant answers, who is told. No wire here.

POST /complaints {"out_trade_no","words"[,"kind","asked_fen","phone","images":n,"party"]} → {"complaint"}
POST /complaints/{no} {"do": say|again|satisfied|withdraw|platform|platform_end[,"words","images":n]}
GET  /complaints[?order=prefix]
A number that no channel knows needs "party": such a complaint is about nobody's trade.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from aiohttp import web

from simulators.faults import number_of
from simulators.refusals import BadRequestError
from simulators.world import MAX_ROWS, World

USER, MERCHANT, PLATFORM = "USER", "MERCHANT", "PLATFORM"
DEEDS = ("say", "again", "satisfied", "withdraw", "platform", "platform_end")
KINDS = ("refund", "service", "other")
IMAGES_MAX = 4
LINES_MAX = 300


class Trade(NamedTuple):
    """What a complaint is about."""

    number: str
    trade_no: str
    fen: int
    payer: str


@dataclass
class Line:
    """One line of the negotiation. ``kind``: created, replied, completed, refunded, and the buyer's deeds."""

    id: str
    role: str
    kind: str
    text: str
    at: datetime
    images: list[str] = field(default_factory=list)


@dataclass
class Complaint:
    """One complaint; money is fen, ``waiting``: the buyer said something that nobody answered."""

    no: str
    trade: Trade
    kind: str
    words: str
    phone: str
    asked_fen: int
    at: datetime
    changed_at: datetime
    state: str
    images: list[str]
    waiting: bool = True
    times: int = 1
    outside: bool = False
    approved: bool = False
    finished_at: datetime | None = None
    lines: list[Line] = field(default_factory=list)
    notifies_sent: int = 0
    notifies_acked: int = 0


class Board:
    """A channel's complaints. A subclass knows trades, states and how its notify is written."""

    party: ClassVar[str]
    retry_after_s: ClassVar[Sequence[float]]
    opened: ClassVar[str]
    moves: ClassVar[Mapping[str, str]]  # what was done → the state it leads to
    final: ClassVar[frozenset[str]]

    def __init__(self, world: World) -> None:
        self.world = world
        self.complaints: dict[str, Complaint] = {}
        self.images: dict[str, bytes] = {}
        self._held: dict[str, str] = {}

    def trade(self, number: str) -> Trade | None:
        """The paid trade of the merchant's number."""
        raise NotImplementedError

    def new_no(self) -> str:
        """A complaint's number, as this channel writes it."""
        raise NotImplementedError

    async def send(self, complaint: Complaint, deed: str, notify_id: str) -> bool:
        """One notify, if the merchant has an address for it; True when it was acknowledged."""
        raise NotImplementedError

    def open(self, trade: Trade, body: Mapping[str, Any]) -> Complaint:
        """A buyer complains. Raises BadRequestError."""
        kind = str(body.get("kind") or "refund")
        if kind not in KINDS or len(self.complaints) >= MAX_ROWS:
            raise BadRequestError("unknown_kind")
        now = self.world.now().replace(microsecond=0)
        asked = body.get("asked_fen")
        complaint = Complaint(
            no=self.new_no(),
            trade=trade,
            kind=kind,
            words=str(body.get("words") or "付了钱没有到账")[:500],
            phone=str(body.get("phone") or "13800138000"),
            asked_fen=asked if isinstance(asked, int) else trade.fen,
            at=now,
            changed_at=now,
            state=self.opened,
            images=self._pictures(body),
        )
        self.complaints[complaint.no] = complaint
        self.line(complaint, USER, "created", complaint.words, complaint.images)
        self.tell(complaint, "created")
        return complaint

    def act(self, complaint: Complaint, deed: str, body: Mapping[str, Any]) -> None:
        """The buyer, or the channel's own people, do something. Raises BadRequestError."""
        if deed not in DEEDS or (complaint.state in self.final and deed != "again"):
            raise BadRequestError("not_now")
        role = PLATFORM if deed.startswith("platform") else USER
        words = str(
            body.get("words") or {"satisfied": "问题已解决", "withdraw": "撤销投诉"}.get(deed, "请尽快处理")
        )
        self.line(complaint, role, deed, words, self._pictures(body))
        complaint.waiting = deed in ("say", "again")
        complaint.times += deed == "again"
        complaint.outside = deed == "platform" or (complaint.outside and deed != "platform_end")
        self.move(complaint, deed)
        self.tell(complaint, deed)

    def move(self, complaint: Complaint, deed: str) -> None:
        """To the state that a deed leads to, if it leads to one."""
        complaint.state = self.moves.get(deed, complaint.state)
        complaint.finished_at = complaint.changed_at if complaint.state in self.final else None

    def line(self, complaint: Complaint, role: str, kind: str, text: str, images: Sequence[str] = ()) -> None:
        """Write a line of the negotiation."""
        complaint.changed_at = self.world.now().replace(microsecond=0)
        if len(complaint.lines) < LINES_MAX:
            number = self.world.next_number()
            line = Line(
                f"{complaint.no[:12]}{number:08d}", role, kind, text, complaint.changed_at, list(images)
            )
            complaint.lines.append(line)

    def keep_image(self, content: bytes) -> str:
        """An image's id; at most MAX_ROWS are held."""
        if len(self.images) >= MAX_ROWS:
            raise BadRequestError("full", 503)
        image_id = f"img_{self.world.digest(self.party, 'image', self.world.next_number())[:28]}"
        self.images[image_id] = content
        return image_id

    def takes(self, complaint: Complaint, name: str) -> bool:
        """Whether a fault fires on this complaint's trade."""
        return self.world.faults.take(complaint.trade.number, self.party, name) is not None

    def tell(self, complaint: Complaint, deed: str) -> None:
        """Notify the merchant, with the faults around it."""
        find, number = self.world.faults.find, complaint.trade.number
        if find(number, self.party, "complaint_notify_lost") is not None:
            return
        late = find(number, self.party, "complaint_notify_out_of_order")
        if late is not None and deed == "created":
            self._held[complaint.no] = deed
            self.world.after(number_of(late, "s", 600), lambda: self._release(complaint))
            return
        again = find(number, self.party, "complaint_notify_duplicate")

        async def send() -> None:
            notify_id = self.world.digest(self.party, "complaint", self.world.next_number())[:32]
            await self._deliver(complaint, deed, notify_id)
            for _ in range(min(16, int(number_of(again, "n", 3)) - 1) if again is not None else 0):
                await self.send(complaint, deed, notify_id)
            await self._release(complaint)

        self.world.after(0, send)

    async def _release(self, complaint: Complaint) -> None:
        deed = self._held.pop(complaint.no, "")
        if deed:
            notify_id = self.world.digest(self.party, "complaint", self.world.next_number())[:32]
            await self._deliver(complaint, deed, notify_id)

    async def _deliver(self, complaint: Complaint, deed: str, notify_id: str, attempt: int = 0) -> None:
        complaint.notifies_sent += 1
        if await self.send(complaint, deed, notify_id):
            complaint.notifies_acked += 1
        elif attempt < len(self.retry_after_s):

            async def again() -> None:
                await self._deliver(complaint, deed, notify_id, attempt + 1)

            self.world.after(self.retry_after_s[attempt], again)

    def _pictures(self, body: Mapping[str, Any]) -> list[str]:
        count = body.get("images", 0)
        if not isinstance(count, int) or not 0 <= count <= IMAGES_MAX:
            raise BadRequestError("too_many_images")
        return [self.keep_image(png(self.world.next_number())) for _ in range(count)]


class ComplaintControl:
    """Handlers of the control API."""

    def __init__(self, boards: Sequence[Board]) -> None:
        self.boards = {board.party: board for board in boards}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/complaints", self.open),
            web.get("/complaints", self.listed),
            web.post("/complaints/{no}", self.act),
        ]

    async def open(self, request: web.Request) -> web.Response:
        body = await _object(request)
        number, party = str(body.get("out_trade_no") or ""), str(body.get("party") or "")
        for name, board in self.boards.items():
            trade = board.trade(number)
            if trade is None and party == name:
                trade = Trade(number, board.world.digest("nobody", number)[:28], 100, "nobody")
            if trade is not None and party in ("", name):
                return web.json_response({"complaint": board.open(trade, body).no, "party": name})
        raise BadRequestError("no_such_trade", 404)

    async def act(self, request: web.Request) -> web.Response:
        body, no = await _object(request), request.match_info["no"]
        board = next((board for board in self.boards.values() if no in board.complaints), None)
        if board is None:
            raise BadRequestError("no_such_complaint", 404)
        board.act(board.complaints[no], str(body.get("do")), body)
        return web.json_response(_row(board, board.complaints[no]))

    async def listed(self, request: web.Request) -> web.Response:
        prefix = request.query.get("order", "")
        rows = [
            _row(board, complaint)
            for board in self.boards.values()
            for complaint in board.complaints.values()
            if complaint.trade.number.startswith(prefix)
        ]
        return web.json_response({"complaints": rows})


def png(number: int, side: int = 96) -> bytes:
    """A small picture in one of many greys."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = (b"\x00" + bytes([64 + number % 128]) * side) * side
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def _row(board: Board, complaint: Complaint) -> dict[str, object]:
    return {
        "party": board.party,
        "complaint": complaint.no,
        "out_trade_no": complaint.trade.number,
        "kind": complaint.kind,
        "state": complaint.state,
        "waiting": complaint.waiting,
        "approved": complaint.approved,
        "lines": [
            {"id": e.id, "role": e.role, "kind": e.kind, "text": e.text, "images": len(e.images)}
            for e in complaint.lines
        ],
        "notifies": {"sent": complaint.notifies_sent, "acked": complaint.notifies_acked},
    }


async def _object(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read() or b"{}")
    except (ValueError, RecursionError):
        raise BadRequestError("not_json") from None
    if not isinstance(body, dict):
        raise BadRequestError("not_an_object")
    return body
