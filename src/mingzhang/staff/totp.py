"""The second factor: time-based one-time codes (RFC 6238) with pyotp: SHA-1, six digits, thirty seconds.

Those three are what every authenticator app understands. One step of drift is allowed either way, and a step
is used once, so that a code read over a shoulder is worth nothing.
"""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Final

import pyotp

STEP_S: Final = 30
DRIFT_STEPS: Final = 1
DIGITS: Final = 6


def new_secret() -> str:
    """A new shared secret, 160 bits in base32."""
    return pyotp.random_base32()


def provisioning_uri(secret: str, name: str, shop_name: str) -> str:
    """What the QR code says to the authenticator app."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=shop_name)


def matching_step(secret: str, code: str, phone_now: datetime) -> int | None:
    """The time step whose code this is, None when it is none of those near `phone_now` (real time, aware)."""
    code = "".join(code.split())
    if len(code) != DIGITS or not code.isascii() or not code.isdecimal():
        return None
    step = int(phone_now.timestamp()) // STEP_S
    otp = pyotp.HOTP(secret)
    found = None
    for near in range(step - DRIFT_STEPS, step + DRIFT_STEPS + 1):
        if hmac.compare_digest(otp.at(near), code):
            found = near
    return found
