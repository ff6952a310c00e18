"""The authority over HTTP (RFC 3161, section 3.4), and how a test steers it.

POST /tsa with `application/timestamp-query`. Control: PUT /tsa/fault {"name": wrong_imprint|refuse|silent|""}
"""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from simulators.tsa.authority import REJECTED, Authority
from simulators.world import World, drop

QUERY: Final = "application/timestamp-query"
REPLY: Final = "application/timestamp-reply"
FAULTS: Final = frozenset({"", "wrong_imprint", "refuse", "silent"})


class TsaSide:
    """Handlers of the authority's own address and of its steering."""

    def __init__(self, world: World, authority: Authority) -> None:
        self._world = world
        self._authority = authority
        world.down.setdefault("tsa", False)
        self._fault = ""
        self._url = ""

    def begin(self, url: str) -> None:
        """Where it answers."""
        self._url = url

    def routes(self) -> list[web.RouteDef]:
        """What a client calls."""
        return [web.post("/tsa", self.stamp)]

    def steering(self) -> list[web.RouteDef]:
        """What a test or a person calls."""
        return [web.put("/tsa/fault", self.set_fault)]

    def ready(self) -> dict[str, Any]:
        """What a client has to know."""
        return {"url": f"{self._url}/tsa", "root": self._authority.root_pem}

    async def stamp(self, request: web.Request) -> web.StreamResponse:
        """A timestamp for a digest."""
        if request.content_type != QUERY:
            raise web.HTTPUnsupportedMediaType
        body = await request.read()
        if self._fault == "silent":
            return drop(request)
        other = self._fault == "wrong_imprint"
        made = self._authority.answer(body, self._world.now(), other=other)
        return web.Response(body=REJECTED if self._fault == "refuse" else made, content_type=REPLY)

    async def set_fault(self, request: web.Request) -> web.Response:
        """Which fault every answer has from now on; empty: none."""
        name = str((await request.json()).get("name", ""))
        if name not in FAULTS:
            raise web.HTTPUnprocessableEntity(text=f"one of {sorted(FAULTS)}")
        self._fault = name
        return web.json_response({"fault": name})
