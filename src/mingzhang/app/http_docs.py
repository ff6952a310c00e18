"""The API's description: what OpenAPI needs beside the handlers' own signatures, and the page that shows it.

The page lives at /api/schema/docs and asks nobody but us: Swagger UI comes from our own static files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from litestar import Router, get
from litestar.datastructures import ResponseHeader
from litestar.openapi import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    Components,
    Example,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Schema,
    SecurityScheme,
)
from litestar.openapi.spec.enums import OpenAPIType

from mingzhang.app.http_guard import ANYBODY
from mingzhang.app.http_kit import AnyRequest, HtmlResponse, desk_of, language, page, shop_of
from mingzhang.app.problems import PROBLEM_JSON, ProblemBody, example_of
from mingzhang.web import pages

VERSION: Final = "1.0.0"
PATH: Final = "/api/schema"
SCHEME: Final = "orderToken"
BY_TOKEN: Final[list[dict[str, list[str]]]] = [{SCHEME: []}]
_ABOUT: Final = (
    "Place an order, pay it, and read at any moment where its money is. Amounts are integer fen, times are "
    "UTC. Every error is problem+json (RFC 9457) whose `code` is from the closed list of its answer. "
    "Placing gives a token; all other calls need it as bearer token, and an order that does not exist "
    "answers like a wrong token."
)
# What any call may meet. 404 and 405: no such address, or not with this method.
_ANYWHERE: Final[Mapping[int, tuple[str, ...]]] = {
    400: ("invalid_request",),
    404: ("not_found",),
    405: ("method_not_allowed",),
    503: ("database_down", "database_busy", "database_unavailable"),
}


def problems(codes: Mapping[int, tuple[str, ...]]) -> dict[int, ResponseSpec]:
    """The error answers of one call: by status, the closed list of codes."""
    merged = {status: (*_ANYWHERE.get(status, ()), *codes.get(status, ())) for status in {*_ANYWHERE, *codes}}
    return {status: _problem(status, merged[status]) for status in sorted(merged)}


def _problem(status: int, codes: tuple[str, ...]) -> ResponseSpec:
    return ResponseSpec(
        data_container=ProblemBody,
        media_type=PROBLEM_JSON,
        generate_examples=False,
        description="`code`: " + ", ".join(codes),
        examples=[Example(summary=code, value=example_of(code, status)) for code in codes],
    )


@dataclass
class Streamed(Operation):
    """An operation whose 200 is also a stream of server-sent events."""

    def __post_init__(self) -> None:
        """Add the second media type, which a handler's signature cannot say."""
        answer = (self.responses or {}).get("200")
        if isinstance(answer, OpenAPIResponse) and answer.content is not None:
            answer.content["text/event-stream"] = OpenAPIMediaType(
                schema=Schema(
                    type=OpenAPIType.STRING,
                    description="Messages `event: order`, with the number of the newest event as `id` and `data`; "
                    "a comment every 15 seconds in between. Then read the events after yours.",
                )
            )


def config() -> OpenAPIConfig:
    """What the whole description says about itself."""
    return OpenAPIConfig(
        title="明账 Mingzhang",
        version=VERSION,
        description=_ABOUT,
        path=PATH,
        openapi_router=Router(PATH, route_handlers=[], guards=[ANYBODY], include_in_schema=False),
        create_examples=False,
        use_handler_docstrings=True,
        components=Components(
            security_schemes={
                SCHEME: SecurityScheme(
                    type="http", scheme="bearer", description="The token that placing the order gave."
                )
            }
        ),
        render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"])],
    )


@get(
    f"{PATH}/docs",
    include_in_schema=False,
    response_headers=[ResponseHeader(name="X-Robots-Tag", value="none")],
    guards=[ANYBODY],
)
async def docs(request: AnyRequest) -> HtmlResponse:
    """The description to read and to try."""
    return page(request, pages.api_docs_page(language(request), shop_of(desk_of(request))))
