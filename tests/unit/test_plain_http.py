"""The small client of the benches knows where an answer ends: by its length, or by the empty chunk of a streamed file."""

from __future__ import annotations

import asyncio

import pytest

from mingzhang.app.bench.plain_http import Line, Said

STREAMED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PLAIN = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\n"


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        ((PLAIN, b"go", b"ne"), Said(404, b"gone")),
        ((STREAMED, b"2\r\nPK\r\n", b"0\r\n\r\n"), Said(200, b"2\r\nPK\r\n0\r\n\r\n")),
    ],
)
async def test_an_answer_ends_with_its_last_piece(pieces: tuple[bytes, ...], said: Said) -> None:
    line = Line("127.0.0.1", 1)
    waiting = line._waiting = asyncio.get_running_loop().create_future()
    for piece in pieces:
        assert not waiting.done()
        line.data_received(piece)
    assert waiting.result() == said
