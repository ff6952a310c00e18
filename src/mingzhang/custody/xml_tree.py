"""A small, bounded reading of XML: elements with the line they stand on. No DTD, no entity, no external thing.

Python's own expat does the reading; a document that declares a type or an entity is refused where it does so,
so that nothing is ever expanded or fetched.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from xml.parsers import expat

import msgspec

from mingzhang.custody.model import FILE_BYTES_MAX, refused

DEPTH_MAX: Final = 40
ELEMENTS_MAX: Final = 700_000
TEXT_MAX: Final = 4096


class Element(msgspec.Struct, kw_only=True):
    """An element: local name, namespace, the line it begins on, its attributes, children and own text."""

    name: str
    space: str
    line: int
    attributes: dict[str, str]
    children: list[Element] = []
    text: str = ""

    def find(self, path: str) -> Element | None:
        """The first descendant by a path of local names."""
        return next(self.every(path), None)

    def every(self, path: str) -> Iterator[Element]:
        """All descendants by a path of local names."""
        name, _, rest = path.partition("/")
        for child in self.children:
            if child.name == name:
                if rest:
                    yield from child.every(rest)
                else:
                    yield child

    def value(self, *paths: str) -> str:
        """The text at the first of these paths that has one, without outer blanks."""
        for path in paths:
            for found in self.every(path):
                if found.text.strip():
                    return found.text.strip()
        return ""

    def need(self, *paths: str) -> Element:
        """The element at the first path that is there; refuses a file that lacks all."""
        for path in paths:
            found = self.find(path)
            if found is not None:
                return found
        raise refused("malformed", self.line, f"{self.name}/{paths[0]}", "is missing")


class _Builder:
    """Receives expat's events."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser
        self._open: list[Element] = []
        self._count = 0
        self.root: Element | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        line = self._parser.CurrentLineNumber
        space, _, local = name.rpartition(" ")
        if len(self._open) >= DEPTH_MAX or self._count > ELEMENTS_MAX:
            raise refused("too_large", line, local[:40], "too deep, or too many elements")
        element = Element(name=local, space=space, line=line, attributes=attributes)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, _name: str) -> None:
        self._open.pop()

    def text(self, data: str) -> None:
        element = self._open[-1]
        if len(element.text) < TEXT_MAX:
            element.text += data

    def declared(self, *_: object) -> None:
        raise refused(
            "malformed", self._parser.CurrentLineNumber, "DOCTYPE", "types and entities are not taken"
        )


def read_xml(body: bytes) -> Element:
    """The root element. Refuses what is too large, not well-formed, or declares a type or an entity."""
    if len(body) > FILE_BYTES_MAX:
        raise refused("too_large", 0, "file", f"more than {FILE_BYTES_MAX} bytes")
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    builder = _Builder(parser)
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = builder.declared
    parser.EntityDeclHandler = builder.declared
    try:
        parser.Parse(body, True)  # noqa: FBT003 - expat takes no keyword
    except (expat.ExpatError, LookupError, ValueError) as error:
        line = int(getattr(error, "lineno", 0))
        raise refused("truncated", line, "XML", f"not well-formed: {str(error)[:80]}") from None
    if builder.root is None:
        raise refused("truncated", 0, "XML", "no document")
    return builder.root
