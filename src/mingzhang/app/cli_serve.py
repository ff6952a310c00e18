"""`mingzhang serve`: what runs in production. A worker loads no pages and the web none of the worker's rounds."""

from __future__ import annotations

import asyncio
import os
import signal
from enum import StrEnum
from typing import Annotated

import typer

from mingzhang.app import logging as logs
from mingzhang.app import loop
from mingzhang.app.desk import Desk, open_desk
from mingzhang.app.keys import keep_keys
from mingzhang.app.settings import Settings


class Role(StrEnum):
    """What a process does."""

    ALL = "all"
    WEB = "web"
    WORKER = "worker"


def _work(group: asyncio.TaskGroup, desk: Desk, stop: asyncio.Event) -> None:
    """Everything a worker keeps going."""
    from mingzhang.app.anchors import run_anchors  # noqa: PLC0415 - as the module says
    from mingzhang.app.http_server import plain_config, serve_http  # noqa: PLC0415 - as the module says
    from mingzhang.app.http_worker import create_worker_app  # noqa: PLC0415 - as the module says
    from mingzhang.app.oversight_watch import run_oversight  # noqa: PLC0415 - as the module says
    from mingzhang.app.transparency import run_log, run_witnesses, signer_of, witnesses_of  # noqa: PLC0415 - as the module says
    from mingzhang.app.worker import Pulse, run_worker  # noqa: PLC0415 - as the module says
    from mingzhang.app.worker_post import run_post  # noqa: PLC0415 - as the module says

    settings, pulse = desk.settings, Pulse()
    group.create_task(run_worker(desk.ctx, stop, pulse))
    group.create_task(run_post(desk.ctx, desk.post, desk.routes, stop))
    group.create_task(run_log(desk.ctx, signer_of(settings), stop))
    group.create_task(run_oversight(desk.ctx, settings, stop))
    group.create_task(run_anchors(desk.ctx, settings, stop))
    group.create_task(run_witnesses(desk.ctx, desk.http, witnesses_of(settings), stop))
    if settings.worker_port:
        config = plain_config(create_worker_app(pulse), settings.host, settings.worker_port)
        group.create_task(serve_http(config, stop))


async def _serve(settings: Settings, role: Role) -> None:
    stop = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    desk = await open_desk(settings)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(keep_keys(desk.ctx, stop))
            if role is not Role.WEB:
                _work(group, desk, stop)
            if role is not Role.WORKER:
                _answer(group, desk, stop)
            loop.settle_heap()
    finally:
        await desk.aclose()


def _answer(group: asyncio.TaskGroup, desk: Desk, stop: asyncio.Event) -> None:
    """Pages and calls."""
    from mingzhang.app.http_server import serve_http, web_config  # noqa: PLC0415 - as the module says

    group.create_task(serve_http(web_config(desk, desk.settings.host, desk.settings.port), stop))


def serve(role: Annotated[Role, typer.Option(help="all, web or worker")] = Role.ALL) -> None:
    """Serve buyers, work through due rows, or both, as the environment says (MINGZHANG_*)."""
    logs.configure()
    loop.run(_serve(Settings.from_env(os.environ), role))
