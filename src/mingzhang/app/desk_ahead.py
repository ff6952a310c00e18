"""Paid and not sent: ahead of new orders, after the contact check (R27, 核实用户身份)."""

from mingzhang.app.desk import Desk
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders import ahead


async def prove_and_go_ahead(desk: Desk, order_id: str, contact: str) -> None:
    """`contact`: the order's contact or its query password. Raises `contact_mismatch`, `ahead_not_open`."""
    if not await desk.check_contact(order_id, contact):
        raise Problem("contact_mismatch", Kind.INVALID)
    await ahead.go_ahead(desk.ctx, order_id)
