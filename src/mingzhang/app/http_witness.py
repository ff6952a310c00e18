"""The witness's own small server: ``POST /add-checkpoint`` and its key. It knows no order and no database."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from litestar import Litestar, Request, Response, get, post

from mingzhang.transparency.notes import Verifier
from mingzhang.transparency.witness import BODY_MAX_BYTES, Witness

WAITING_MAX: Final = 64


def create_witness_app(witness: Witness, verifier: Verifier) -> Litestar:
    """One state is judged at a time, so that no two are signed against the same memory."""
    turn = asyncio.Semaphore(1)
    waiting = asyncio.Semaphore(WAITING_MAX)

    @post("/add-checkpoint", status_code=200)
    async def add_checkpoint(request: Request) -> Response[str]:  # type: ignore[type-arg]
        """A cosignature, or why there is none."""
        if waiting.locked():
            return Response("busy\n", status_code=503, media_type="text/plain")
        async with waiting:
            body = await request.body()
            async with turn:
                told = await asyncio.to_thread(witness.add_checkpoint, body, int(time.time()))
        return Response(told.body, status_code=told.status, media_type=told.media_type)

    @get("/key", sync_to_thread=False)
    def key() -> Response[str]:
        """For the log's list of witnesses."""
        return Response(f"{verifier.text()}\n", media_type="text/plain")

    return Litestar(
        [add_checkpoint, key], openapi_config=None, logging_config=None, request_max_body_size=BODY_MAX_BYTES
    )
