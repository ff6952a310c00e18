"""An uploaded picture made harmless: type and size checked, decoded and drawn anew, nothing else of it is kept.

Drawing anew drops what hides in a file: scripts, attached archives, the place where a photo was taken. Decoding runs
on strangers' bytes, so the pixels are counted before anything is unpacked. Pure; call it in a thread.
"""

from __future__ import annotations

import io
import warnings
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError

from mingzhang.kit.errors import Kind, Problem

UPLOAD_BYTES_MAX: Final = 4 * 1024 * 1024
PIXELS_MAX: Final = 40_000_000
SIDE_MIN: Final = 64
LOGO_BYTES_MAX: Final = 60_000
LOGO_SIDES: Final = (160, 96, 64)
FORMATS: Final = ("PNG", "JPEG", "WEBP")
_QUALITIES: Final = (82, 68, 50)


def redraw(data: bytes, bytes_max: int, sides: tuple[int, ...]) -> bytes:
    """A JPEG of at most `bytes_max` bytes, no wider than the first of `sides` that fits.

    Raises `picture_too_large`, `picture_invalid` (type, or damaged).
    """
    if len(data) > UPLOAD_BYTES_MAX:
        raise Problem("picture_too_large", Kind.TOO_LARGE, f"at most {UPLOAD_BYTES_MAX // 1024 // 1024} MB")
    return _fit(_flat(_decode(data)), bytes_max, sides)


def redraw_logo(data: bytes) -> bytes:
    """A PNG of at most `LOGO_BYTES_MAX` bytes and `LOGO_SIDES` pixels, transparency kept.

    Raises `picture_too_large`, `picture_invalid` (type, or damaged).
    """
    if len(data) > UPLOAD_BYTES_MAX:
        raise Problem("picture_too_large", Kind.TOO_LARGE, f"at most {UPLOAD_BYTES_MAX // 1024 // 1024} MB")
    seen = _decode(data).convert("RGBA")
    for side in LOGO_SIDES:
        smaller = seen.copy()
        smaller.thumbnail((side * 4, side))
        out = io.BytesIO()
        smaller.save(out, "PNG", optimize=True)
        if out.tell() <= LOGO_BYTES_MAX:
            return out.getvalue()
    raise Problem("picture_too_large", Kind.TOO_LARGE, "cannot be made small enough")


def _decode(data: bytes) -> Image.Image:
    """The pixels of strangers' bytes, turned upright; raises `picture_too_large`, `picture_invalid`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return _read(data)
    except Problem:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels() from error
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        Warning,
        MemoryError,
    ) as error:
        raise Problem("picture_invalid", Kind.INVALID, type(error).__name__) from error


def _read(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=FORMATS) as found:
        width, height = found.size
        if width * height > PIXELS_MAX:
            raise _too_many_pixels()
        if min(width, height) < SIDE_MIN:
            raise Problem("picture_invalid", Kind.INVALID, "too small to read")
        found.load()
        return ImageOps.exif_transpose(found)


def _too_many_pixels() -> Problem:
    return Problem("picture_too_large", Kind.TOO_LARGE, f"at most {PIXELS_MAX // 1_000_000} megapixels")


def _flat(turned: Image.Image) -> Image.Image:
    flat = Image.new("RGB", turned.size, "white")
    if turned.mode in ("RGBA", "LA", "PA") or "transparency" in turned.info:
        seen = turned.convert("RGBA")
        flat.paste(seen, mask=seen.getchannel("A"))
    else:
        flat.paste(turned.convert("RGB"))
    return flat


def _fit(drawn: Image.Image, bytes_max: int, sides: tuple[int, ...]) -> bytes:
    """As large and as clear as fits."""
    for side in sides:
        smaller = drawn.copy()
        smaller.thumbnail((side, side * 2))
        for quality in _QUALITIES:
            out = io.BytesIO()
            smaller.save(out, "JPEG", quality=quality, optimize=True)
            if out.tell() <= bytes_max:
                return out.getvalue()
    raise Problem("picture_too_large", Kind.TOO_LARGE, "cannot be made small enough")
