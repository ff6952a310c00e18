"""Which ways to pay a buyer is offered: by amount, device and health, one pure function (R10, R11).

`PREFERENCE` and `RULES` are what `docs/states.md` prints.
"""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from mingzhang.payments.register import Terms

PER_CHANNEL_MAX: Final = 2


class Device(StrEnum):
    """What the buyer holds, by what the browser says of itself."""

    WECHAT = "wechat"
    PHONE = "phone"
    DESKTOP = "desktop"


class Why(StrEnum):
    """Why a channel is not offered."""

    BELOW_MIN = "below_min"
    ABOVE_MAX = "above_max"
    DAY_FULL = "day_full"
    NO_METHOD = "no_method"
    DOWN = "down"


PREFERENCE: Final[dict[Device, tuple[str, ...]]] = {
    Device.WECHAT: ("jsapi", "h5", "qr"),
    Device.PHONE: ("wap", "h5", "qr", "page"),
    Device.DESKTOP: ("qr", "page"),
}
"""By device, the ways from the most convenient on; of a channel the first two that it has. A way that needs the payer's
id (``jsapi``) counts only when we know it."""

_NEEDS_PAYER: Final = frozenset({"jsapi"})

RULES: Final[tuple[tuple[Why, str, str], ...]] = (
    (
        Why.BELOW_MIN,
        "the amount is below the channel's least for a payment",
        "not offered; opening it is refused",
    ),
    (Why.ABOVE_MAX, "the amount is above its most for a payment", "not offered; opening it is refused"),
    (
        Why.DAY_FULL,
        "with it, today's sum would be above its most for a day",
        "not offered; opening it is refused",
    ),
    (Why.NO_METHOD, "it has none of the device's ways", "not offered"),
    (
        Why.DOWN,
        "it does not answer (breaker)",
        "not offered, and the page says so; where every channel is down, all are offered, and the page says so",
    ),
)


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one channel. ``taken_fen``: today's sum; ``terms`` None: not in the register, so no limits."""

    name: str
    methods: frozenset[str]
    payer_methods: frozenset[str] = frozenset()
    terms: Terms | None = None
    taken_fen: int = 0


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """``ways``: channel.method, in order; ``left_out``: (channel, why)."""

    ways: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...] = ()


def limit_of(terms: Terms | None, amount_fen: int, taken_fen: int) -> Why | None:
    """Which limit of a channel an amount is beyond; None: none."""
    if terms is None:
        return None
    if amount_fen < terms.min_fen:
        return Why.BELOW_MIN
    if terms.max_fen and amount_fen > terms.max_fen:
        return Why.ABOVE_MAX
    if terms.day_fen and taken_fen + amount_fen > terms.day_fen:
        return Why.DAY_FULL
    return None


def device_of(user_agent: str) -> Device:
    """What a browser says that it is."""
    if "MicroMessenger" in user_agent:
        return Device.WECHAT
    return Device.PHONE if "Mobile" in user_agent or "Android" in user_agent else Device.DESKTOP


def offer(
    channels: Sequence[Facts],
    amount_fen: int | None,
    device: Device,
    down: Collection[str] = frozenset(),
    *,
    payer_known: bool = False,
) -> Offer:
    """The ways to pay, in the channels' own order. `amount_fen` None: not known yet, so no limit counts."""
    fit: list[tuple[str, tuple[str, ...]]] = []
    left_out: list[tuple[str, str]] = []
    for channel in channels:
        why = limit_of(channel.terms, amount_fen, channel.taken_fen) if amount_fen is not None else None
        ways = tuple(
            method
            for method in PREFERENCE[device]
            if method in channel.methods
            and (payer_known or method not in _NEEDS_PAYER | channel.payer_methods)
        )
        if why is not None:
            left_out.append((channel.name, why.value))
        elif not ways:
            left_out.append((channel.name, Why.NO_METHOD.value))
        else:
            fit.append((channel.name, ways[:PER_CHANNEL_MAX]))
    alive = [(name, ways) for name, ways in fit if name not in down]
    left_out += [(name, Why.DOWN.value) for name, _ in fit if alive and name in down]
    return Offer(
        ways=tuple(f"{name}.{method}" for name, ways in alive or fit for method in ways),
        left_out=tuple(left_out),
    )
