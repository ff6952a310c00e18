"""Hostile attachments: each refused by what it is, or drawn anew until nothing of it is left (issue 7)."""

from __future__ import annotations

import asyncio
import io
import struct
import zipfile
import zlib
from random import Random

import asyncpg
import pytest
import uvicorn
from litestar import Litestar, Response, post
from PIL import Image, PngImagePlugin

from house import free_port
from mingzhang.app.http_attachments import picture_answer, read_form
from mingzhang.app.http_kit import AnyRequest
from mingzhang.kit import attachments
from mingzhang.kit.clock import SystemClock
from mingzhang.kit.errors import Problem
from mingzhang.kit.vault import Vault

SCRIPT = b"<script>alert(1)</script>"


def picture(kind: str = "JPEG", **options: object) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((96, 96), 40).convert("RGB").save(out, kind, **options)
    return out.getvalue()


def archive(content: bytes = b"x") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a", content)
    return out.getvalue()


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of some bytes that unpacks to `width` × `height` pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(b"\x00" * 1_000_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def refusal(data: bytes) -> str:
    with pytest.raises(Problem) as refused:
        attachments.draw(data)
    return refused.value.code


def test_svg_with_script_is_refused() -> None:
    assert (
        refusal(b'<svg xmlns="http://www.w3.org/2000/svg">' + SCRIPT + b"</svg>") == "attachment_not_picture"
    )


def test_a_zip_bomb_is_refused_unopened() -> None:
    assert refusal(archive(bytes(10_000_000))) == "attachment_not_picture"


def test_a_pdf_is_refused() -> None:
    assert refusal(b"%PDF-1.7\n1 0 obj<</OpenAction 2 0 R>>") == "attachment_not_picture"


@pytest.mark.parametrize("side", [7_000, 50_000])
def test_a_decompression_bomb_is_refused_by_its_head(side: int) -> None:
    assert refusal(png_claiming(side, side)) == "picture_too_large"


def test_a_text_chunk_that_unpacks_without_end_is_refused() -> None:
    note = PngImagePlugin.PngInfo()
    note.add_text("a", "0" * 5_000_000, zip=True)
    assert refusal(picture("PNG", pnginfo=note)) == "picture_invalid"


def test_a_gif_that_is_html_is_refused() -> None:
    assert refusal(b"GIF89a/*" + b"\x00" * 8 + b"*/=1;" + SCRIPT) == "attachment_not_picture"


@pytest.mark.parametrize("tail", [SCRIPT, archive(SCRIPT)])
def test_what_hides_behind_or_in_a_jpeg_is_not_kept(tail: bytes) -> None:
    kept = attachments.draw(picture(comment=SCRIPT) + tail)
    assert kept.startswith(b"\xff\xd8")
    assert b"script" not in kept
    assert b"PK" + b"\x03\x04" not in kept


def test_where_a_photo_was_taken_is_not_kept() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (31.0, 14.0, 0.0)})
    exif[0x010E] = "at home"
    photo = picture(exif=exif)
    assert b"at home" in photo
    kept = attachments.draw(photo)
    assert b"at home" not in kept
    assert not Image.open(io.BytesIO(kept)).getexif()


def test_a_damaged_and_an_overlong_picture_are_refused() -> None:
    assert refusal(picture()[:400]) == "picture_invalid"
    assert refusal(picture() + bytes(5_000_000)) == "picture_too_large"


async def test_a_fifth_picture_of_a_message_is_refused() -> None:
    with pytest.raises(Problem, match="too_many_attachments"):
        await attachments.draw_all([b""] * 5)


async def test_a_picture_is_kept_sealed_and_opened_for_its_owner_alone(pool: asyncpg.Pool) -> None:
    vault, now = Vault(bytes(32)), SystemClock().now()
    drawn = await attachments.draw_all([picture("WEBP"), picture("PNG")])
    async with pool.acquire() as conn, conn.transaction():
        ids = await attachments.keep(conn, vault, Random(1), now, bucket=0, owner="M1D1", drawn=drawn)
        listed = await attachments.list_attachments(conn, 0, "M1D1")
        assert sorted(item.attachment_id for item in listed) == sorted(ids)
        assert await attachments.read(conn, vault, bucket=0, owner="M1D1", attachment_id=ids[1]) == drawn[1]
        assert drawn[1] not in await conn.fetchval("SELECT sealed FROM attachment LIMIT 1")
        with pytest.raises(Problem, match="erased"):
            vault.open_bytes(b"")
        for owner, wanted in (("M1D2", ids[0]), ("M1D1", "' OR 1=1 --")):
            with pytest.raises(Problem, match="unknown_attachment"):
                await attachments.read(conn, vault, bucket=0, owner=owner, attachment_id=wanted)


@post("/", request_max_body_size=attachments.BODY_BYTES_MAX)
async def take(request: AnyRequest) -> Response[bytes]:
    form = await read_form(request, "pictures", files_max=attachments.COUNT_MAX)
    return picture_answer((await attachments.draw_all(form.files))[0], "A1")


async def answer(port: int, sent: list[bytes]) -> bytes:
    """What is answered to a request that never ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in sent:
            writer.write(part)
            await writer.drain()
        return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    except ConnectionError:
        return await reader.read(4096)
    finally:
        writer.close()


async def test_100_mb_are_refused_before_they_are_read_and_a_picture_is_served_in_a_sandbox() -> None:
    port = free_port()
    config = uvicorn.Config(Litestar([take], openapi_config=None), port=port, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    for _ in range(2_000):
        if not server.started:
            await asyncio.sleep(0.01)
    try:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=B\r\n"
        announced = await answer(port, [head + b"Content-Length: 104857600\r\n\r\n", bytes(1000)])
        assert b" 413 " in announced.splitlines()[0]

        part = b'--B\r\nContent-Disposition: form-data; name="pictures"; filename="a.svg"\r\n\r\n'
        whole = part + picture() + b"\r\n--B--\r\n"
        told = await answer(port, [head + b"Content-Length: %d\r\n\r\n" % len(whole) + whole])
        assert b" 201 " in told.splitlines()[0]
        assert b"content-type: image/jpeg" in told.lower()
        assert b"sandbox" in told
        assert b"nosniff" in told

        megabyte = b"%x\r\n" % 1_000_000 + bytes(1_000_000) + b"\r\n"
        endless = [head + b"Transfer-Encoding: chunked\r\n\r\n", *[megabyte] * 20]
        assert b" 413 " in (await answer(port, endless)).splitlines()[0]
    finally:
        server.should_exit = True
        await serving
