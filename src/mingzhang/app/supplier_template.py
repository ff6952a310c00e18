"""The supplier's own order template (下单模板) as account fields of a product, for suppliers that tell it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec

from mingzhang.catalogue import store
from mingzhang.catalogue.fields import ACCOUNT, SUPPLIERS_OWN, VALUE_MAX, AccountField, check_fields
from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Message
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders.context import Context

ACCOUNT_KEYS = ("recharge_account", "account", "charge_account")
# What a line's name tells of the account's kind; a line that tells nothing is any text.
_KINDS = (("手机", "phone_cn"), ("qq", "qq"), ("steamid", "steam64"), ("邮箱", "email"))


class Line(Protocol):
    """One line of a template: its key at the supplier, and words for the buyer."""

    @property
    def key(self) -> str:
        """Under which the supplier wants it."""
        ...

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def tip(self) -> str:
        """What helps to fill it in."""
        ...

    @property
    def kind(self) -> str:
        """text, password, checkbox, select, radio or cascader."""
        ...


@runtime_checkable
class TellsTemplate(Protocol):
    """A supplier that says what it wants to know for an order of a product; None when it did not answer."""

    async def template(self, supplier_product: str) -> tuple[Sequence[Line] | None, tuple[Message, ...]]:
        """Ask for one product."""
        ...


def fields_from(lines: Sequence[Line]) -> tuple[AccountField, ...]:
    """The account first, under our name; the rest under the supplier's keys. Choices are not told, so they are typed."""
    first = next((line for line in lines if line.key in ACCOUNT_KEYS), lines[0])
    others = [line for line in lines if line is not first]
    return tuple(
        AccountField(
            name=ACCOUNT if line is first else line.key,
            kind=_kind(line),
            label_zh=line.name[:VALUE_MAX],
            label_en=line.name[:VALUE_MAX],
            hint_zh=line.tip[:VALUE_MAX],
            hint_en=line.tip[:VALUE_MAX],
        )
        for line in [first, *others]
    )


def _kind(line: Line) -> str:
    if line.kind == "password":
        return "password"
    return next((kind for word, kind in _KINDS if word in line.name.casefold()), "text")


async def read_template(ctx: Context, product_id: str) -> dict[str, str]:
    """The cells that give a product its first supplier's template.

    Raises Problem `unknown_product`, `no_template` (the supplier has none, or did not answer), `bad_fields`.
    """
    async with ctx.pool.acquire() as conn:
        found = (await store.read_listings(conn, [product_id])).get(product_id)
    if found is None:
        raise Problem("unknown_product", Kind.NOT_FOUND, product_id)
    supplier: object = ctx.suppliers.get(found.product.supplier)
    if not isinstance(supplier, TellsTemplate):
        raise Problem("no_template", Kind.CONFLICT, f"{found.product.supplier} tells no template")
    lines, messages = await supplier.template(found.product.supplier_product)
    async with transaction(ctx.pool) as conn:
        await evidence.keep_all(conn, ctx.rng, ctx.now(), messages)
    if not lines:
        raise Problem("no_template", Kind.CONFLICT, "the supplier asks for nothing, or did not answer")
    fields = fields_from(lines)
    check_fields(SUPPLIERS_OWN, fields)
    told = msgspec.json.encode([msgspec.structs.asdict(field) for field in fields]).decode()
    return {"account_template": SUPPLIERS_OWN, "fields": told}
