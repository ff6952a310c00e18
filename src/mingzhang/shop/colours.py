"""The shop's one colour: whether text in it can be read (WCAG 2.2, 1.4.3), and the shades that follow from it. Pure."""

from __future__ import annotations

import re
from typing import Final

CONTRAST_MIN: Final = 4.5
PAPER: Final = (
    "#f4f7f8"  # the pages' ground; text in the shop's colour stands on it, on white and on its own pale shade
)
WHITE: Final = "#ffffff"
BLACK: Final = "#000000"
HEX: Final = re.compile(r"#[0-9a-f]{6}")
_PALE: Final = 0.9
_DARK: Final = 0.25
_STEP: Final = 0.04


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb`, 0 to 1 (WCAG 2.2, relative luminance)."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (each / 255 for each in _channels(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def mix(one: str, other: str, share: float) -> str:
    """`share` of the other colour in the one."""
    parts = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in parts)


def pale(accent: str) -> str:
    """The ground of what is marked in this colour."""
    return mix(accent, WHITE, _PALE)


def dark(accent: str) -> str:
    """The same colour under the pointer, and for text on its pale shade."""
    return mix(accent, BLACK, _DARK)


def worst_contrast(accent: str) -> float:
    """The least of the contrasts in which the colour carries text: as text, and as the ground of white text."""
    grounds = (WHITE, PAPER, pale(accent))
    return min(contrast(accent, ground) for ground in grounds)


def readable(accent: str) -> bool:
    """Whether text in it can be read everywhere it stands."""
    return worst_contrast(accent) >= CONTRAST_MIN


def nearest_readable(accent: str) -> str:
    """The colour itself when it can be read, else the first darker shade of it that can."""
    share, found = 0.0, accent
    while not readable(found) and share < 1:
        share += _STEP
        found = mix(accent, BLACK, min(share, 1.0))
    return found


def shades_css(accent: str) -> str:
    """The style sheet that puts the shop's colour in place of our own; nothing for no colour."""
    if not accent:
        return ""
    return f":root{{--accent:{accent};--accent-dark:{dark(accent)};--accent-pale:{pale(accent)}}}\n"
