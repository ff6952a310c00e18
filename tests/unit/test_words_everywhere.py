"""No word reaches a person past gettext: templates' text and attributes, scripts, code, and the codes of refusals."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_web_words import HAN, WEB

from mingzhang.web import problems
from mingzhang.web.i18n import read_catalogue

SOURCE = WEB.parent
TEMPLATES = sorted((WEB / "templates").glob("**/*.html"))
SCRIPTS = sorted((WEB / "static").glob("*.js"))
# Blocks whose content is no text: titles are made of translated parts, class names are not read.
BLOCKS = r"\{%-?\s*(?:block\s+(?:title|\w*class)|set)\b.*?%\}[^{<]*(?=\{%|<)"
JINJA = re.compile(rf"\{{#.*?#\}}|{BLOCKS}|\{{%.*?%\}}|\{{\{{.*?\}}\}}", re.DOTALL)
SAID = re.compile(r"\b(?:aria-label|title|placeholder|alt|data-label)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
WORD = re.compile(r"[A-Za-z]{3,}|[\u4e00-\u9fff]")
# Names that are the same in every language, and what is no word.
NAMES = re.compile(
    r"English|中文|SHA-256|camt\.053|MT940|PDF|ZIP|JSON|UTC|Swagger|OpenAPI|CSV|XLSX"
    r"|/api/schema/openapi\.json|https?://\S+|/staff/catalogue\?q= &p="
)
# Chinese that is the thing itself, not words about it.
ITSELF = {"明账 Mingzhang", "明账演示店", "中文", "¥", "（", "）", "，", "。", "、"}
# Whatever a page may have to say; the rest is read at the command line or in a log.
AT_PAGES = (
    "app/http*.py",
    "app/desk*.py",
    "orders/pay.py",
    "orders/place.py",
    "staff/*.py",
    "kit/guesses.py",
)
# Answered by the edge itself (a redirect, a form's field, the demo's script), or never by a page.
NOT_SHOWN = {
    "order_locked",
    "signed_out",
    "no_account",
    "route_without_guard",
    "simulators_refused",
    "simulators_unavailable",
    "staff_name_invalid",
    "staff_name_taken",
    "approval_missing",
    "bad_idempotency_key",
}


def spoken(path: Path) -> Iterator[str]:
    """Text and spoken attributes of a template that no gettext call stands around."""
    text = JINJA.sub(" ", path.read_text(encoding="utf-8"))
    for match in SAID.finditer(text):
        yield match.group(1) or match.group(2) or ""
    yield from re.split(r"<[^>]*>", re.sub(r"<(script|code|kbd|pre)\b.*?</\1>", "", text, flags=re.DOTALL))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_word_of_a_template_is_translated(path: Path) -> None:
    bare = [NAMES.sub("", text).strip() for text in spoken(path)]
    assert not [text for text in bare if WORD.search(text)]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_take_their_words_from_the_page(path: Path) -> None:
    text = re.sub(r"/\*.*?\*/|(?<!:)//[^\n]*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert not HAN.search(text)
    assert not re.search(r"""["'`][A-Z][a-z]+ [a-z]+ [^"'`\n]*["'`]""", text), "a sentence in a script"


def literals(path: Path) -> Iterator[str]:
    """Every text in code that is no docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    spoken_of = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in spoken_of:
            yield node.value


def test_every_chinese_word_in_code_of_the_pages_is_a_message() -> None:
    known = {str(entry.id) for entry in read_catalogue() if entry.id} | ITSELF
    files = [*WEB.glob("*.py"), *SOURCE.glob("app/console/*.py"), *SOURCE.glob("app/http*.py")]
    files += SOURCE.glob("app/desk*.py")
    bare = {
        (path.name, text)
        for path in files
        for text in literals(path)
        if HAN.search(text) and text not in known and not text.startswith("[")
    }
    assert not bare


def test_every_refusal_that_a_page_may_meet_has_words() -> None:
    raised = {
        code
        for pattern in AT_PAGES
        for path in SOURCE.glob(pattern)
        for code in re.findall(r'Problem\(\s*"([a-z0-9_]+)"', path.read_text(encoding="utf-8"))
    }
    assert raised - {*problems.PROBLEMS, *problems.FIELD_ERRORS, *NOT_SHOWN} == set()
    assert raised >= NOT_SHOWN & {"approval_missing", "staff_name_taken"}, "the pattern finds none"
