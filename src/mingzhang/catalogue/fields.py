"""What the buyer is asked for (账号模板): one field or several, built in or the supplier's own (R16).

One field is stored as its text. Several (region and server, a supplier's template) are one JSON object, in the order
in which they are asked; `read_values` takes both apart again. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from mingzhang.catalogue.accounts import clean_account, mask
from mingzhang.kit.errors import Kind, Problem

ACCOUNT: Final = "account"  # the name of the field that is topped up
VALUE_MAX: Final = 60
FIELDS_MAX: Final = 8
KINDS: Final = ("phone_cn", "qq", "steam64", "game_id", "email", "text", "password", "choice")
SUPPLIERS_OWN: Final = "supplier"
NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")


class AccountField(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to fill in. `name`: its key at the supplier; the first is `account`. `kind`: one of `KINDS`.

    Empty labels: the pages have words for the built-in ones. `choices` only for kind `choice`.
    """

    name: str
    kind: str = "text"
    label_zh: str = ""
    label_en: str = ""
    hint_zh: str = ""
    hint_en: str = ""
    choices: tuple[str, ...] = ()


def _one(kind: str) -> tuple[AccountField, ...]:
    return (AccountField(name=ACCOUNT, kind=kind),)


TEMPLATES: Final[Mapping[str, tuple[AccountField, ...]]] = {
    "phone_cn": _one("phone_cn"),
    "qq": _one("qq"),
    "steam64": _one("steam64"),
    "game_id": _one("game_id"),
    "email": _one("email"),
    "region_server": (
        AccountField(name=ACCOUNT, kind="game_id"),
        AccountField(name="region"),
        AccountField(name="server"),
    ),
    SUPPLIERS_OWN: (),  # the product's own list is the template
    "none": (),
}


def fields_of(template: str, own: Sequence[AccountField]) -> tuple[AccountField, ...]:
    """What a product asks for: its own list where it has one, else what its template says."""
    return tuple(own) or TEMPLATES.get(template, _one("game_id"))


def check_fields(template: str, own: Sequence[AccountField]) -> None:
    """Raise Problem `bad_fields` for a list that no form could show and no supplier could take."""
    names = [field.name for field in own]
    sound = (
        len(own) <= FIELDS_MAX
        and len(set(names)) == len(names)
        and all(NAME.fullmatch(name) for name in names)
        and all(field.kind in KINDS for field in own)
        and all(bool(field.choices) == (field.kind == "choice") for field in own)
        and all(0 < len(choice) <= VALUE_MAX for field in own for choice in field.choices)
    )
    if not sound or (own and names[0] != ACCOUNT) or (template == SUPPLIERS_OWN and not own):
        raise Problem("bad_fields", Kind.INVALID, params={"field": "fields"})
    if template not in TEMPLATES:
        raise Problem("bad_template", Kind.INVALID, params={"field": "account_template"})


def clean_values(
    template: str, own: Sequence[AccountField], account: str, more: Mapping[str, str]
) -> dict[str, str]:
    """Every field in its one spelling, in order. Raises Problem `bad_account`, naming the field.

    What is not asked for is refused, not dropped: a misspelt name must not cost the buyer a server.
    """
    fields = fields_of(template, own)
    unknown = more.keys() - {field.name for field in fields} - {ACCOUNT}
    if unknown or (not fields and more):
        raise Problem("bad_account", Kind.INVALID, params={"field": ACCOUNT, "template": template})
    return {
        field.name: _clean(field, account if field.name == ACCOUNT else more.get(field.name, ""))
        for field in fields
    }


def _clean(field: AccountField, text: str) -> str:
    if field.kind in TEMPLATES:
        try:
            return clean_account(field.kind, text)
        except Problem:
            raise _refused(field) from None
    text = text if field.kind == "password" else " ".join(text.split())
    if not 0 < len(text) <= VALUE_MAX or not text.isprintable():
        raise _refused(field)
    if field.kind == "choice" and text not in field.choices:
        raise _refused(field)
    return text


def _refused(field: AccountField) -> Problem:
    return Problem("bad_account", Kind.INVALID, params={"field": field.name, "template": field.kind})


def pack_values(values: Mapping[str, str]) -> str:
    """The one text that is sealed with the order: a lone account as it is, several fields as JSON."""
    if not values.keys() - {ACCOUNT}:
        return values.get(ACCOUNT, "")
    return msgspec.json.encode(dict(values)).decode()


def read_values(packed: str) -> dict[str, str]:
    """The fields of what `pack_values` made; always with `account`."""
    if packed.startswith("{"):
        return msgspec.json.decode(packed, type=dict[str, str])
    return {ACCOUNT: packed}


def mask_values(fields: Sequence[AccountField], values: Mapping[str, str]) -> str:
    """What pages show of it: the account masked, region and server in clear, passwords not at all."""
    secret = {field.name for field in fields if field.kind == "password"}
    more = [text for name, text in values.items() if name != ACCOUNT and name not in secret]
    return " · ".join([mask(values.get(ACCOUNT, "")), *more])
