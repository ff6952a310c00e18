"""docs/rights.md says what the guards say, and no door is without one."""

from __future__ import annotations

from pathlib import Path

import pytest
from litestar import Litestar, get

from mingzhang.app.http_guard import ANYBODY, SIGNED_IN, require_guards
from mingzhang.app.rights_table import BEGIN, END, doors, print_table
from mingzhang.kit.errors import Problem

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "rights.md"


def test_the_document_holds_the_table_of_the_guards() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    between = text.partition(BEGIN)[2].partition(END)[0].strip()
    assert between == print_table(), "make docs"


def test_every_door_is_in_the_table_once() -> None:
    named = [(door.method, door.path, door.part) for door in doors()]
    assert len(named) == len(set(named)) > 60


def test_a_route_without_its_one_guard_stops_the_start() -> None:
    @get("/staff/forgotten")
    async def forgotten() -> None: ...

    @get("/staff/twice", guards=[ANYBODY, SIGNED_IN])
    async def twice() -> None: ...

    @get("/staff/held", guards=[SIGNED_IN])
    async def held() -> None: ...

    require_guards(Litestar([held], openapi_config=None, logging_config=None))
    with pytest.raises(Problem) as caught:
        require_guards(Litestar([forgotten, twice, held], openapi_config=None, logging_config=None))
    assert caught.value.code == "route_without_guard"
    assert caught.value.detail.endswith("GET /staff/forgotten, GET /staff/twice")
