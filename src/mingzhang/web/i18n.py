"""Two languages from `.po` files, read once at start: zh_CN is the source of design, en is complete.

No `.mo` is kept: Babel compiles the catalogue in memory. An unknown language is Chinese.
"""

from __future__ import annotations

import io
from functools import cache
from importlib.resources import files
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

LANGUAGES: Final = ("zh", "en")
LOCALES: Final = {"zh": "zh_CN", "en": "en"}


def choose_language(query: str | None, cookie: str | None) -> str:
    """The reader's language: `?lang=`, else the cookie `lang`, else Chinese."""
    for wanted in (query, cookie):
        if wanted in LANGUAGES:
            return wanted
    return "zh"


@cache
def translations(lang: str) -> Translations:
    """The catalogue of one language ("zh" or "en")."""
    locale = LOCALES.get(lang, "zh_CN")
    source = files("mingzhang.web").joinpath("locale", locale, "LC_MESSAGES", "messages.po").read_bytes()
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(source), locale=locale))
    compiled.seek(0)
    return Translations(compiled)
