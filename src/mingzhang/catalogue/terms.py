"""Rules, service agreement and privacy terms in versions: what changes is public for seven days before it holds.

电子商务法 33 and 34: every version stays readable, and a change is shown at least seven days ahead. The first version of
each kind may hold at once. The database refuses the same (`guard_rule_version`).
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from mingzhang.kit.errors import Kind, Problem

KINDS: Final = ("rules", "agreement", "privacy")
NOTICE: Final = timedelta(days=7)
ZH_MAX: Final = 20_000
EN_MAX: Final = 40_000
DIFFED_MAX: Final = 2_000  # sentences of one text
_SENTENCE: Final = re.compile(r"[^。！？；\n]*[。！？；\n]|[^。！？；\n]+")
_ENGLISH: Final = re.compile(r"[^.!?;\n]*(?:[.!?;](?=\s|$)|\n)\s?|.+?(?=[.!?;\n]|$)", re.DOTALL)


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """One version. ``sha256`` (hex): of both texts, Chinese first, a newline between them."""

    kind: str
    version: int
    text_zh: str
    text_en: str
    sha256: str
    published_at: datetime
    effective_at: datetime
    published_by: str
    reason: str

    @property
    def body(self) -> bytes:
        """The bytes that ``sha256`` covers."""
        return whole(self.text_zh, self.text_en)


class Piece(NamedTuple):
    """A run of text of a comparison. ``how``: same, gone, new."""

    how: str
    text: str


def whole(text_zh: str, text_en: str) -> bytes:
    """Both texts as they are hashed, downloaded and told to the public record."""
    return f"{text_zh}\n{text_en}".encode()


def in_force(papers: Iterable[Paper], kind: str, at: datetime) -> Paper | None:
    """What held at a moment: an order goes by what held when it was placed."""
    held = [one for one in papers if one.kind == kind and one.effective_at <= at]
    return max(held, key=lambda one: one.version, default=None)


def to_come(papers: Iterable[Paper], at: datetime) -> list[Paper]:
    """What is published and does not hold yet, the soonest first."""
    return sorted((one for one in papers if one.effective_at > at), key=lambda one: one.effective_at)


def clean(text: str) -> str:
    """A text as it is kept: one kind of line end, nothing around it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def draft(
    last: Paper | None,
    kind: str,
    text_zh: str,
    text_en: str,
    effective_at: datetime,
    author: str,
    reason: str,
    now: datetime,
) -> Paper:
    """The version that would be published. The first one holds at once, whatever ``effective_at`` says.

    Raises `unknown_choice`, `paper_invalid` (with `field` and `reason`: required, text_too_long, text_unprintable),
    `nothing_changed`, `notice_too_short`.
    """
    if kind not in KINDS:
        raise Problem("unknown_choice", Kind.INVALID, params={"field": "kind"})
    text_zh, text_en = clean(text_zh), clean(text_en)
    for field, text, most in (("text_zh", text_zh, ZH_MAX), ("text_en", text_en, EN_MAX)):
        if not text:
            raise Problem("paper_invalid", Kind.INVALID, params={"field": field, "reason": "required"})
        if len(text) > most:
            raise Problem("paper_invalid", Kind.INVALID, params={"field": field, "reason": "text_too_long"})
        if not text.replace("\n", "").replace("\t", "").isprintable():
            raise Problem(
                "paper_invalid", Kind.INVALID, params={"field": field, "reason": "text_unprintable"}
            )
    if last is not None:
        if (last.text_zh, last.text_en) == (text_zh, text_en):
            raise Problem("nothing_changed", Kind.INVALID)
        if effective_at < now + NOTICE or effective_at <= last.effective_at:
            raise Problem(
                "notice_too_short",
                Kind.INVALID,
                params={"field": "effective_on", "reason": "notice_too_short"},
            )
    return Paper(
        kind=kind,
        version=last.version + 1 if last else 1,
        text_zh=text_zh,
        text_en=text_en,
        sha256=hashlib.sha256(whole(text_zh, text_en)).hexdigest(),
        published_at=now,
        effective_at=effective_at if last else now,
        published_by=author,
        reason=reason.strip()[:200],
    )


def compare(old: str, new: str, *, english: bool = False) -> list[Piece]:
    """What a version says otherwise than the one before, sentence by sentence; long texts past the bound as one."""
    before, after = _sentences(old, english=english), _sentences(new, english=english)
    pieces: list[Piece] = []
    matcher = difflib.SequenceMatcher(a=before, b=after, autojunk=False)
    for how, a, b, c, d in matcher.get_opcodes():
        if how == "equal":
            pieces.append(Piece("same", "".join(before[a:b])))
            continue
        if a < b:
            pieces.append(Piece("gone", "".join(before[a:b])))
        if c < d:
            pieces.append(Piece("new", "".join(after[c:d])))
    return pieces


def _sentences(text: str, *, english: bool) -> Sequence[str]:
    found = (_ENGLISH if english else _SENTENCE).findall(text)
    return [*found[:DIFFED_MAX], *(["".join(found[DIFFED_MAX:])] if len(found) > DIFFED_MAX else [])]
