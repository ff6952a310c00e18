"""Documents set by typst, all alike: one font that lies beside the pages' files, nothing loaded from anywhere.

Fonts of the machine are not looked at. A text without glyphs would come out empty, so the font's absence is an error
and no fallback.
"""

from __future__ import annotations

from datetime import datetime
from importlib.resources import files
from typing import Any, Final

import msgspec

from mingzhang.kit.errors import Kind, Problem

FONT: Final = "noto-sans-sc.ttf"


def set_paper(template: bytes, data: dict[str, Any], now: datetime) -> bytes:
    """The PDF. The template reads `data` as JSON from `sys.inputs.data`: every text in it is content, never code.

    Takes a tenth of a second: call it in a thread. Raises Problem `font_missing`.
    """
    import typst  # noqa: PLC0415 - megabytes of every process, for a paper now and then

    font = files("mingzhang.web").joinpath("static", "vendor", FONT)
    if not font.is_file():
        raise Problem("font_missing", Kind.INTERNAL, "run the set-up again: tools/setup.sh run")
    made: bytes = typst.compile(
        template,
        font_paths=typst.Fonts(
            include_system_fonts=False,
            include_embedded_fonts=False,
            font_paths=[str(font).removesuffix(FONT)],
        ),
        timestamp=now.replace(microsecond=0),  # typst takes no smaller unit
        format="pdf",
        sys_inputs={"data": msgspec.json.encode(data).decode()},
    )
    return made
