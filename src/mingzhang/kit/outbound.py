"""Calls to outside parties over one shared HTTP session, with every end of a call told apart.

A call ends as an `Answer` (some bytes came back, whatever the status) or as a `Silence`. A silence says
whether anything may have left this machine: only a connection that was never made proves that nothing did,
and only then may the same call be made again (`wire.md`, the rule of the head; F9, F14). Nothing here raises
for what the outside does. Timeouts are always real seconds, also when the shop runs on virtual time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver

ANSWER_BYTES_MAX: Final = 256 * 1024
"""An answer longer than this is cut off and counts as no answer: evidence holds no larger body."""

_CONNECT_SECONDS_MAX: Final = 3.0
_IDLE_SECONDS: Final = 2.0  # shorter than servers keep idle connections, so that none dies as it is reused
_CHUNK_BYTES: Final = 16 * 1024

_NEVER_CONNECTED: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)


class Silent(StrEnum):
    """Why no usable answer came. Only ``never_connected`` proves that nothing was sent."""

    NEVER_CONNECTED = "never_connected"
    TIMED_OUT = "timed_out"
    BROKEN_OFF = "broken_off"
    TOO_LARGE = "too_large"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back: HTTP status, media type as sent, and at most `ANSWER_BYTES_MAX` bytes.

    ``headers``: names in lower case; of a header sent twice only the last (signatures travel there).
    """

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = {}


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """No answer. ``status`` is set when at least a status line was read."""

    why: Silent
    status: int = 0

    @property
    def nothing_sent(self) -> bool:
        """True only on proof: the same call may be made again."""
        return self.why is Silent.NEVER_CONNECTED


class Outbound:
    """One aiohttp session for all adapters of a process; made at the first call, inside the running loop.

    `resolver`: what turns names into addresses, where not the machine's own (`public_net.py`).
    """

    def __init__(
        self, connections_max: int = 64, resolver: Callable[[], AbstractResolver] | None = None
    ) -> None:
        self._connections_max = connections_max
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    async def post(
        self,
        url: str,
        body: bytes,
        content_type: str,
        timeout_s: float,
        headers: Mapping[str, str] | None = None,
    ) -> Answer | Silence:
        """POST `body` and read the whole answer within `timeout_s` real seconds."""
        sent = {"Content-Type": content_type, **(headers or {})}
        return await self._call("POST", url, body, sent, timeout_s)

    async def put(
        self,
        url: str,
        body: bytes,
        content_type: str,
        timeout_s: float,
        headers: Mapping[str, str] | None = None,
    ) -> Answer | Silence:
        """PUT `body`, otherwise as `post`."""
        return await self._call(
            "PUT", url, body, {"Content-Type": content_type, **(headers or {})}, timeout_s
        )

    async def get(
        self,
        url: str,
        timeout_s: float,
        headers: Mapping[str, str] | None = None,
        bytes_max: int = ANSWER_BYTES_MAX,
    ) -> Answer | Silence:
        """GET `url` and read the whole answer within `timeout_s` real seconds; a day's bill may be longer than others."""
        return await self._call("GET", url, None, dict(headers or {}), timeout_s, bytes_max)

    async def aclose(self) -> None:
        """Close every connection; a later call opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _call(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: dict[str, str],
        timeout_s: float,
        bytes_max: int = ANSWER_BYTES_MAX,
    ) -> Answer | Silence:
        status = 0
        try:
            async with self._open_session().request(
                method,
                url,
                data=body,
                headers=headers,
                allow_redirects=False,  # a signed call belongs to the address it was signed for
                timeout=_timeout(timeout_s),
            ) as response:
                status = response.status
                received = await _read_bounded(response, bytes_max)
        # In this order: a connection timeout is both a client error and a timeout.
        except _NEVER_CONNECTED:
            return Silence(why=Silent.NEVER_CONNECTED)
        except TimeoutError:
            return Silence(why=Silent.TIMED_OUT, status=status)
        except (aiohttp.ClientError, OSError, ValueError):
            return Silence(why=Silent.BROKEN_OFF, status=status)
        if received is None:
            return Silence(why=Silent.TOO_LARGE, status=status)
        return Answer(
            status=status,
            content_type=response.headers.get("Content-Type", ""),
            body=received,
            headers={name.lower(): value for name, value in response.headers.items()},
        )

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections_max,
                    keepalive_timeout=_IDLE_SECONDS,
                    resolver=self._resolver() if self._resolver is not None else None,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept-Encoding": "identity"},
                trust_env=False,
            )
        return self._session


def multipart(
    fields: Mapping[str, str], name: str, filename: str, kind: str, file: bytes, boundary: str
) -> tuple[bytes, str]:
    """A form with one file, and its media type. Names and `boundary` are plain ASCII without quotes."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    head = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\nContent-Type: {kind}'
    parts.append(f"--{boundary}\r\n{head}\r\n\r\n".encode() + file + f"\r\n--{boundary}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={boundary}"


def _timeout(timeout_s: float) -> aiohttp.ClientTimeout:
    # Connecting gets half of the time at most: its own timeout fires first and proves "never connected".
    connect_s = min(_CONNECT_SECONDS_MAX, timeout_s / 2)
    return aiohttp.ClientTimeout(total=timeout_s, connect=connect_s, ceil_threshold=3600)


async def _read_bounded(response: aiohttp.ClientResponse, bytes_max: int) -> bytes | None:
    received = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        received += chunk
        if len(received) > bytes_max:
            response.close()
            return None
    return bytes(received)
