"""What a shop says of itself, and one version of it on record."""

from __future__ import annotations

from datetime import datetime

import msgspec


class ShopFace(msgspec.Struct, frozen=True, kw_only=True):
    """The shop as buyers see it; an empty text is not shown, or is what the environment says (name, support).

    `accent`: `#rrggbb`. `logo`: the SHA-256 (hex) of its picture. `support`: how to reach a person, in words;
    `support_url`: https:, mailto: or tel:. `licence`: 营业执照 as one line; `icp`: the ICP filing or licence.
    """

    name_zh: str = ""
    name_en: str = ""
    accent: str = ""
    logo: str = ""
    notice_zh: str = ""
    notice_en: str = ""
    support: str = ""
    support_url: str = ""
    address: str = ""
    licence: str = ""
    icp: str = ""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version, never changed again. Version 0 is the environment's: nobody has set anything."""

    version: int = 0
    face: ShopFace = ShopFace()
    set_by: str = ""
    reason: str = ""
    set_at: datetime | None = None


def changed(old: ShopFace, new: ShopFace) -> dict[str, tuple[str, str]]:
    """What differs: field → (before, after)."""
    return {
        name: (getattr(old, name), getattr(new, name))
        for name in ShopFace.__struct_fields__
        if getattr(old, name) != getattr(new, name)
    }
