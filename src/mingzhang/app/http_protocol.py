"""Uvicorn's HTTP/1.1 protocol with a short cut: a plain hot call goes to its thin handler, without ASGI.

The parser, keep-alive, pipelining, flow control and shutdown stay uvicorn's. What differs: a hot call is begun when
its body is whole, needs no scope and no events, and its answer is one write. Whatever is not plain (a body without
a length or a long one, `Expect`, `Upgrade`, HTTP/1.0, a header twice, a call that its reader does not take) goes
the usual way as if nothing had been read before.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from mingzhang.app.http_thin import BODY_BYTES_MAX, Call, Reader, ThinCalls, Work

_NOT_PLAIN = frozenset({b"transfer-encoding", b"expect", b"upgrade"})


class ThinCycle:
    """One hot call and its answer; to uvicorn's protocol it is what its own cycle is."""

    def __init__(self, work: Work, protocol: ThinProtocol, *, keep_alive: bool) -> None:
        self.response_complete = False
        self.disconnected = False
        self.keep_alive = keep_alive
        self.message_event = _NOBODY_WAITS
        self._work = work
        self._protocol = protocol

    async def run_asgi(self, _app: Any) -> None:
        """Do the call, then write the whole answer at once."""
        protocol = self._protocol
        answer = await self._work()
        flow: FlowControl = protocol.flow
        if flow.write_paused and not self.disconnected:
            await flow.drain()
        self.response_complete = True
        if self.disconnected or protocol.transport.is_closing():
            return
        lines = [STATUS_LINE[answer.status]]
        for name, value in protocol.server_state.default_headers:
            lines += (name, b": ", value, b"\r\n")
        lines += (answer.headers, b"content-length: %d\r\n" % len(answer.body))
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        lines += (b"\r\n", answer.body)
        protocol.transport.write(b"".join(lines))
        if not self.keep_alive:
            protocol.transport.close()
        protocol.on_response_complete()


class _Nobody:
    def set(self) -> None:
        """A hot call reads nothing more: its body was whole when it began."""


_NOBODY_WAITS = _Nobody()


class ThinProtocol(HttpToolsProtocol):
    """Made for one set of hot calls by `thin_protocol`."""

    calls: ThinCalls

    _reader: Reader | None
    _read: bytearray
    _plain: dict[bytes, bytes]

    def on_message_begin(self) -> None:
        """The scope is made when the framework needs it."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._reader = None

    def on_headers_complete(self) -> None:
        """Find out whether this is a hot call."""
        reader = self.calls.reader(self.parser.get_method(), self.url)
        if reader is not None and self._is_plain():
            self._reader, self._read = reader, bytearray()
        else:
            self._go_the_usual_way()

    def _is_plain(self) -> bool:
        plain = dict(self.headers)
        length = plain.get(b"content-length", b"0")
        if (
            len(plain) != len(self.headers)
            or not plain.keys().isdisjoint(_NOT_PLAIN)
            or not length.isdigit()
            or int(length) > BODY_BYTES_MAX
            or self.parser.get_http_version() != "1.1"
        ):
            return False
        self._plain = plain
        return True

    def _go_the_usual_way(self) -> None:
        self._reader = None
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.headers, self.expect_100_continue = url, headers, expect
        self.scope["headers"] = headers
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """The body is never longer than its length said, or the parser refuses it."""
        if self._reader is None:
            super().on_body(body)
        else:
            self._read += body

    def on_message_complete(self) -> None:
        """The body is whole: begin, or wait for the calls that came before on this connection."""
        if self._reader is None:
            super().on_message_complete()
            return
        body = bytes(self._read)
        call = Call(self.parser.get_method().decode(), self.url, self._plain, body, self._client_ip())
        work = self._reader(call)
        if work is None:
            self._go_the_usual_way()
            if body:
                super().on_body(body)
            super().on_message_complete()
            return
        before: Any = self.cycle
        cycle: Any = ThinCycle(work, self, keep_alive=self.parser.should_keep_alive())
        self.cycle = cycle
        if before is None or before.response_complete:
            self._start_asgi_task(cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    def _client_ip(self) -> str:
        """The caller's address, as uvicorn tells it to the framework: a trusted proxy says whose call it is."""
        peer = self.client[0] if self.client else ""
        told = self._plain.get(b"x-forwarded-for")
        proxies: Any = getattr(self.app, "trusted_hosts", ())
        if told is None or peer not in proxies:
            return peer
        host: str = proxies.get_trusted_client_address(told.decode("latin-1"))[0]
        return host or peer


def thin_protocol(calls: ThinCalls) -> type[asyncio.Protocol]:
    """The protocol class for `uvicorn.Config(http=…)`."""
    return type("ThinProtocol", (ThinProtocol,), {"calls": calls})
