"""The shop's face: colours that can be read, what may be set, versions that nobody overwrites (R42, R45)."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import asyncpg
import pytest
from PIL import Image

from mingzhang.kit.errors import Problem
from mingzhang.kit.pictures import LOGO_BYTES_MAX, redraw_logo
from mingzhang.shop.colours import contrast, nearest_readable, readable, shades_css
from mingzhang.shop.face import (
    FaceCache,
    clean_face,
    draw_logo,
    keep_logo,
    list_versions,
    read_logo,
    write_version,
)
from mingzhang.shop.model import ShopFace, changed

NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)


def picture(mode: str = "RGBA", size: tuple[int, int] = (900, 300), kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.effect_noise(size, 90).convert(mode).save(out, kind)
    return out.getvalue()


def test_contrast_is_wcags_and_a_light_colour_is_refused_with_a_better_one() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
    assert readable("#0b6477")
    for light in ("#ffcc00", "#ffffff", "#7fb2ff", "#ff5a5f"):
        assert not readable(light)
        assert readable(nearest_readable(light))
        with pytest.raises(Problem) as refused:
            clean_face({"accent": light}, "")
        assert refused.value.params["better"] == nearest_readable(light)
    assert nearest_readable("#0b6477") == "#0b6477"
    assert shades_css("") == ""
    assert shades_css("#0b6477").startswith(":root{--accent:#0b6477;")


@pytest.mark.parametrize(
    ("field", "text", "reason"),
    [
        ("accent", "teal", "colour_invalid"),
        ("accent", "#0b64", "colour_invalid"),
        ("support_url", "javascript:alert(1)", "link_invalid"),
        ("support_url", "http://plain.example", "link_invalid"),
        ("support_url", "https://", "link_invalid"),
        ("support_url", "https://[bad", "link_invalid"),
        ("name_zh", "店" * 25, "text_too_long"),
        ("name_zh", "店\u202e", "text_unprintable"),
        ("address", "一行\n两行", "text_unprintable"),
    ],
)
def test_what_a_page_must_not_show_is_refused(field: str, text: str, reason: str) -> None:
    with pytest.raises(Problem) as refused:
        clean_face({field: text}, "")
    assert (refused.value.params["field"], refused.value.params["reason"]) == (field, reason)


def test_what_is_set_is_trimmed_and_links_open_something() -> None:
    face = clean_face({"name_zh": " 小店 ", "accent": "#0B6477", "notice_zh": "一\r\n\r\n二"}, "")
    assert (face.name_zh, face.accent, face.notice_zh) == ("小店", "#0b6477", "一\n\n二")
    for link in ("https://kf.example/x", "mailto:kf@example.com", "tel:+8610086"):
        assert clean_face({"support_url": link}, "").support_url == link


@pytest.mark.parametrize(
    "upload", [picture(), picture("L", (70, 2000), "JPEG"), picture("RGB", (2000, 2000), "JPEG")]
)
def test_a_logo_is_drawn_anew_small_and_bounded(upload: bytes) -> None:
    drawn = redraw_logo(upload)
    assert len(drawn) <= LOGO_BYTES_MAX
    with Image.open(io.BytesIO(drawn)) as seen:
        assert (seen.format, seen.mode) == ("PNG", "RGBA")
        assert max(seen.size[1], seen.size[0] / 4) <= 160


async def test_versions_follow_each_other_and_the_cache_keeps_what_it_knew(pool: asyncpg.Pool) -> None:
    cache = FaceCache(pool)
    await cache.refresh()
    assert cache.now.version == 0
    async with pool.acquire() as conn:
        logo = await keep_logo(conn, await draw_logo(picture()), NOW)
        assert await keep_logo(conn, await draw_logo(picture("RGB", (80, 80))), NOW) != logo
        first = ShopFace(name_zh="甲店", logo=logo)
        assert await write_version(conn, 0, first, "lin", "", NOW) == 1
        with pytest.raises(Problem, match="settings_changed"):
            await write_version(conn, 0, ShopFace(name_zh="乙店"), "wang", "", NOW)
        assert await write_version(conn, 1, ShopFace(name_zh="乙店"), "wang", "改名", NOW) == 2
        versions = await list_versions(conn)
        assert [one.version for one in versions] == [2, 1]
        assert changed(first, versions[0].face) == {"name_zh": ("甲店", "乙店"), "logo": (logo, "")}
        assert (await read_logo(conn, logo) or b"")[:4] == b"\x89PNG"
        assert await read_logo(conn, "0" * 64) is None
    cache.forget()
    await cache.refresh()
    assert cache.now.face.name_zh == "乙店"
    cache.forget()
    await pool.close()
    await cache.refresh()
    assert cache.now.face.name_zh == "乙店"  # the database is away
