"""Two languages: Chinese is the source of design and stands in the code, English in `.po` files read once at start.

No `.mo` is kept: Babel compiles the catalogue in memory. An unknown language is Chinese.
"""

from __future__ import annotations

import io
from functools import cache
from importlib.resources import files
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

LANGUAGES: Final = ("zh", "en")
LOCALE: Final = "en"


def choose_language(query: str | None, cookie: str | None) -> str:
    """The reader's language: `?lang=`, else the cookie `lang`, else Chinese."""
    for wanted in (query, cookie):
        if wanted in LANGUAGES:
            return wanted
    return "zh"


@cache
def translations(lang: str) -> NullTranslations:
    """The catalogue of one language ("zh" or "en"); Chinese needs none, its words are the message ids."""
    if lang != "en":
        return NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, read_catalogue())
    compiled.seek(0)
    return Translations(compiled)


def read_catalogue() -> Catalog:
    """English, from every `.po` file of its folder: one file a topic, a message may stand in several.

    Errors: ValueError, two files translate one message differently.
    """
    folder = files("mingzhang.web").joinpath("locale", LOCALE, "LC_MESSAGES")
    whole = Catalog(locale=LOCALE)
    for name in sorted(item.name for item in folder.iterdir() if item.name.endswith(".po")):
        part = read_po(io.BytesIO(folder.joinpath(name).read_bytes()), locale=LOCALE, abort_invalid=True)
        for message in part:
            known = whole.get(message.id) if message.id else None
            if known is not None and known.string != message.string:
                raise ValueError(f"{name} translates {message.id!r} in another way than an earlier file")
            whole[message.id] = message
    return whole
