"""A buyer's screenshot, as a claim keeps it; see `kit/pictures.py` for what is done to it."""

from typing import Final

from mingzhang.kit.pictures import UPLOAD_BYTES_MAX, redraw

# What is stored is sealed as text of 4/3 of its size, and a message holds 256 KiB at most.
KEPT_BYTES_MAX: Final = 190_000
_SIDES: Final = (2200, 1600, 1200, 900, 600)

__all__ = ["KEPT_BYTES_MAX", "UPLOAD_BYTES_MAX", "redraw_picture"]


def redraw_picture(data: bytes) -> bytes:
    """A JPEG of at most `KEPT_BYTES_MAX` bytes. Raises `picture_too_large`, `picture_invalid` (type, or damaged)."""
    return redraw(data, KEPT_BYTES_MAX, _SIDES)
