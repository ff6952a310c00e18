"""Which chapters an evidence pack has: `PROVIDERS` names all of them, in the order of the pack's sheets.

A slice adds its own by one line: an async function of `packs.asked.Asked` that returns `packs.model.Section`s. It gives
only what the edition may see: cost, fee, margin and legs are for `Edition.AUDITOR`.
"""

from __future__ import annotations

from typing import Final

from mingzhang.app import pack_parts
from mingzhang.app.pack_complaints import complaints
from mingzhang.app.pack_disputes import disputes
from mingzhang.app.pack_licences import licences
from mingzhang.kit.errors import Kind, Problem
from mingzhang.packs.asked import Asked, Provider
from mingzhang.packs.model import Section

PROVIDERS: Final[tuple[Provider, ...]] = (
    pack_parts.payments,
    pack_parts.supplies,
    pack_parts.refunds,
    pack_parts.conversation,
    disputes,
    complaints,
    licences,
    pack_parts.ledger,
    pack_parts.staff_record,
)


async def read_sections(asked: Asked) -> list[Section]:
    """Every chapter of every provider. Raises Problem `pack_part_twice` when two give one of the same name."""
    found = [section for provider in PROVIDERS for section in await provider(asked)]
    names = [section.name for section in found]
    if len(set(names)) != len(names):
        raise Problem("pack_part_twice", Kind.INTERNAL, ", ".join(sorted(names)))
    return found
