"""How the web is served: uvicorn's settings, in one place for the command and for tests."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import uvicorn
from litestar import Litestar

from mingzhang.app.desk import Desk
from mingzhang.app.http import create_app
from mingzhang.app.http_protocol import thin_protocol
from mingzhang.app.http_thin import ThinCalls

SHUTDOWN_S: Final = 3
# Beside every answer, thin ones and files too; pages have more of their own (http_kit.PAGE_HEADERS).
EVERYWHERE: Final = (("X-Content-Type-Options", "nosniff"),)
OVER_HTTPS: Final = (("Strict-Transport-Security", "max-age=31536000"),)


def web_config(desk: Desk, host: str, port: int, app: Litestar | None = None) -> uvicorn.Config:
    """The whole web: hot calls on thin handlers, the framework for the rest. `app`: one that serves this desk."""
    secure = desk.settings.secure_cookies
    return _config(app or create_app(desk), host, port, http=thin_protocol(ThinCalls(desk)), secure=secure)


def plain_config(http_app: Any, host: str, port: int) -> uvicorn.Config:
    """The framework alone."""
    return _config(http_app, host, port, http="auto")


def _config(http_app: Any, host: str, port: int, http: Any, *, secure: bool = False) -> uvicorn.Config:
    return uvicorn.Config(
        http_app,
        host=host,
        port=port,
        http=http,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        headers=[*EVERYWHERE, *(OVER_HTTPS if secure else ())],
        timeout_graceful_shutdown=SHUTDOWN_S,
    )


class _Server(uvicorn.Server):
    """Signals are ours: one handler for web and worker."""

    def install_signal_handlers(self) -> None:
        """None."""


async def serve_http(config: uvicorn.Config, stop: asyncio.Event) -> None:
    """Answer until `stop`, or until the server ends, which sets it."""
    server = _Server(config)

    async def end() -> None:
        await stop.wait()
        server.should_exit = True

    ending = asyncio.create_task(end())
    try:
        await server._serve()
    finally:
        stop.set()
        await ending
