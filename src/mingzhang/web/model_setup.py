"""What the set-up wizard's page shows, as plain data."""

from __future__ import annotations

from datetime import datetime

import msgspec

STEPS = ("shop", "channels", "suppliers", "custody", "product", "order", "launch")


class KeySeen(msgspec.Struct, frozen=True, kw_only=True):
    """One setting of a party. ``where``: file, environment, unreadable, missing. ``shown``: only of what is no secret."""

    setting: str
    where: str
    path: str = ""
    shown: str = ""
    fingerprint: str = ""
    ends_at: datetime | None = None


class CallSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The last live test call. ``outcome``: answered, refused, silent; ``detail``: the party's code."""

    outcome: str
    detail: str
    at: datetime


class PartySeen(msgspec.Struct, frozen=True, kw_only=True):
    """A channel or supplier that is installed. ``on``: this process has it; ``tested``: a test call makes sense."""

    name: str
    on: bool
    tested: bool
    keys: tuple[KeySeen, ...]
    ends: tuple[tuple[str, datetime], ...] = ()
    call: CallSeen | None = None


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One item of the go-live checklist, computed. ``state``: ok, no, unknown; ``detail``: a figure, name or code."""

    code: str
    state: str
    detail: str = ""
    at: datetime | None = None


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Something to choose from."""

    value: str
    label: str


class TestOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The test order, if one was placed."""

    order_id: str
    state: str
    at: datetime


class SetupPage(msgspec.Struct, frozen=True, kw_only=True):
    """The whole wizard. ``done``: which steps are; ``next_step``: the first that is not, or the last."""

    step: str
    done: frozenset[str]
    next_step: str
    face_lacks: tuple[str, ...]
    channels: tuple[PartySeen, ...]
    suppliers: tuple[PartySeen, ...]
    accounts: tuple[Choice, ...]
    custody: str
    on_sale: tuple[Choice, ...]
    rules: bool
    templates: tuple[str, ...]
    order: TestOrder | None
    simulated: bool
    checks: tuple[Check, ...]
