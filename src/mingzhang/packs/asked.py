"""What a provider of a pack's chapters is given, and what it gives back (named in `app/pack_list.py`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

import asyncpg
import msgspec

from mingzhang.kit.vault import Vault
from mingzhang.orders.store import Order
from mingzhang.packs.model import Edition, Section


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One order, for one edition, read in one snapshot of the books.

    ``clear``: whoever asks may see personal data unmasked; ``own_words``: what the buyer wrote may be in it. ``word``:
    words in Chinese for a code of a named table of the pages (`web/views.py`, TABLES).
    """

    conn: asyncpg.Connection
    order: Order
    edition: Edition
    vault: Vault
    now: datetime
    clear: bool
    own_words: bool
    word: Callable[[str, str], str]


Provider = Callable[[Asked], Awaitable[list[Section]]]
