"""What a channel that passes buyers' complaints on speaks (投诉): list, read, reply, complete, images, its notify.

As with payments an adapter only says what the channel said and how sure that is; it raises nothing for what the outside
does. A complaint is known by the channel's own number. Messages hold what people wrote and how to reach them: the caller
seals them before it keeps them.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol, runtime_checkable

import msgspec

from mingzhang.evidence.messages import HttpMessage, Message
from mingzhang.payments.channels.base import Outcome

IMAGE_BYTES_MAX: Final = 6 * 1024 * 1024
"""A picture longer than this, as it travels, is none."""
WORDS_MAX: Final = 2000


class ComplaintState(StrEnum):
    """Whose turn it is at the channel.

    ``waiting``: nobody answered yet. ``answered``: the shop has. ``outside``: the channel's own people decide.
    ``done``: settled there. ``withdrawn``: the buyer, or the channel, took it back.
    """

    WAITING = "waiting"
    ANSWERED = "answered"
    OUTSIDE = "outside"
    DONE = "done"
    WITHDRAWN = "withdrawn"
    UNKNOWN = "unknown"


OVER: Final = frozenset({ComplaintState.DONE, ComplaintState.WITHDRAWN})


class Wish(StrEnum):
    """What the buyer asks for there."""

    REFUND = "refund"
    DELIVERY = "delivery"
    OTHER = "other"


class LineBy(StrEnum):
    """Who wrote a line of the negotiation (协商)."""

    BUYER = "buyer"
    SHOP = "shop"
    CHANNEL = "channel"


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """The channel's clocks from the complaint on, in seconds, and what one reply may hold."""

    first_s: int
    solved_s: int
    reply_max: int = 200
    images_max: int = 4


class Complaint(msgspec.Struct, frozen=True, kw_only=True):
    """One complaint as the channel tells it. `word`: its own state; amounts in fen.

    `words`, `phone`: personal, never logged. `waits`: the buyer said something that nobody answered. `images`:
    references for `fetch_image`. `refunded`: the channel says that all of it went back.
    """

    complaint_no: str
    state: ComplaintState
    word: str
    made_at: datetime
    changed_at: datetime | None = None
    wish: Wish = Wish.OTHER
    words: str = ""
    phone: str = ""
    transaction_id: str = ""
    payment_no: str = ""
    amount_fen: int = 0
    asked_fen: int = 0
    waits: bool = False
    times: int = 1
    refunded: bool = False
    images: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Complaint({self.complaint_no}, {self.word}, words hidden)"


REFUND, COMPLETE = "refund", "complete"
"""`Line.kind` of what the shop did there without a word: told of a refund, told that it is settled."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the negotiation. `opens`: it is the complaint itself.

    `kind`: `REFUND` or `COMPLETE` where the channel marks the shop's deed so; else the channel's own word.
    """

    line_id: str
    by: LineBy
    kind: str
    at: datetime
    text: str = ""
    images: tuple[str, ...] = ()
    opens: bool = False

    def __repr__(self) -> str:
        return f"Line({self.line_id}, {self.by}, words hidden)"


class ComplaintAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One complaint with its negotiation, oldest line first; `complaint` only when the outcome is ok."""

    outcome: Outcome
    complaint: Complaint | None = None
    lines: tuple[Line, ...] = ()
    code: str = ""
    text: str = ""
    messages: tuple[Message, ...] = ()

    def __repr__(self) -> str:
        return (
            f"ComplaintAnswer({self.outcome}, {self.complaint}, {len(self.lines)} lines, code={self.code!r})"
        )


class ComplaintsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the channel's list; `more`: a further page may hold some."""

    outcome: Outcome
    complaints: tuple[Complaint, ...] = ()
    more: bool = False
    code: str = ""
    text: str = ""
    messages: tuple[Message, ...] = ()

    def __repr__(self) -> str:
        return f"ComplaintsAnswer({self.outcome}, {len(self.complaints)} of them, code={self.code!r})"


class ActAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How something that we did there ended. `reference`: of an upload, what a reply names it by."""

    outcome: Outcome
    reference: str = ""
    code: str = ""
    text: str = ""
    messages: tuple[Message, ...] = ()


class ImageAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A picture as it came: a stranger's bytes, to be drawn anew before anybody sees them."""

    outcome: Outcome
    content: bytes = b""
    code: str = ""
    messages: tuple[Message, ...] = ()


class ComplaintNews(msgspec.Struct, frozen=True, kw_only=True):
    """What a notify says: which complaint to read. `refusal`: why it is not believed; a hint may be asked about."""

    message: Message
    complaint_no: str = ""
    refusal: str = ""


class ComplaintReply(msgspec.Struct, frozen=True, kw_only=True):
    """What the shop answers. `images`: references of `upload_image`; `state`: how the complaint stood when last read."""

    complaint_no: str
    text: str
    images: Sequence[str] = ()
    state: ComplaintState = ComplaintState.WAITING


class Complaints(Protocol):
    """One channel's complaints."""

    terms: Terms

    async def list_complaints(self, since: datetime, until: datetime, page: int) -> ComplaintsAnswer:
        """Complaints made between two times, at most 30 days apart; pages count from 1."""
        ...

    async def read_complaint(self, complaint_no: str) -> ComplaintAnswer:
        """One complaint with its negotiation."""
        ...

    async def reply(self, reply: ComplaintReply) -> ActAnswer:
        """Answer the buyer. No number makes it safe to repeat: an unknown end is looked up in the negotiation."""
        ...

    async def complete(self, complaint_no: str, text: str) -> ActAnswer:
        """Tell the channel that it is settled. `text`: what was done, where the wire has a place for it."""
        ...

    async def upload_image(self, jpeg: bytes) -> ActAnswer:
        """Hand a picture over, for a reply."""
        ...

    async def fetch_image(self, reference: str) -> ImageAnswer:
        """Fetch a picture of the complaint or its negotiation, from the channel's own hosts alone."""
        ...

    async def subscribe(self, url: str) -> ActAnswer:
        """Ask the channel to notify at `url`; ok where that is set in its console."""
        ...

    def read_notify(self, http: HttpMessage) -> ComplaintNews:
        """Verify a notify and say which complaint it is about. Pure; never raises."""
        ...


@runtime_checkable
class HasComplaints(Protocol):
    """A channel that passes complaints on."""

    complaints: Complaints


@runtime_checkable
class TellsRefunds(Protocol):
    """Complaints at a channel that wants to hear what becomes of a refund that is asked for there."""

    async def tell_refund(self, complaint_no: str, *, approved: bool, days: int, text: str) -> ActAnswer:
        """``approved``: it is given back, within `days`; else why not. The refund itself is a call of its own."""
        ...
