"""The small markup of product texts: an empty line begins a paragraph, `- ` a list. Everything else is plain text."""

from __future__ import annotations

from markupsafe import Markup, escape


def text_html(text: str) -> Markup:
    """Safe HTML of such a text; whatever looks like HTML in it is shown, not obeyed."""
    blocks = [block.splitlines() for block in text.strip().replace("\r\n", "\n").split("\n\n")]
    return Markup("").join(_block([line.strip() for line in block if line.strip()]) for block in blocks)


def _block(lines: list[str]) -> Markup:
    html, items = Markup(""), Markup("")
    plain: list[Markup] = []
    for line in [*lines, ""]:
        if line.startswith("- "):
            items += Markup("<li>{}</li>").format(line[2:])
            continue
        if items:
            html += _paragraph(plain) + Markup('<ul class="mz-list">{}</ul>').format(items)
            items, plain = Markup(""), []
        if line:
            plain.append(escape(line))
    return html + _paragraph(plain)


def _paragraph(lines: list[Markup]) -> Markup:
    return Markup("<p>{}</p>").format(Markup("<br>").join(lines)) if lines else Markup("")
