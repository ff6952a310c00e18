"""A trade that its channel froze (渠道冻结): paid, but its money may not be touched (ledger row 21).

Money at the channel goes to `hold`, the float's claim on it with it. What was not sent is not sent: nothing may be
spent that the channel keeps, and a person is next. The channel is asked on; when it lets go, the money goes back to
its place and an order that waited for it is supplied. A dispute's hold is no freeze: neither ends by the other's end.
"""

from datetime import timedelta

from mingzhang.fulfilment import store as fulfilment
from mingzhang.ledger import postings
from mingzhang.ledger.places import CHANNEL, CUSTODY, HOLD, O, S
from mingzhang.orders import route
from mingzhang.orders.context import Context
from mingzhang.orders.states import PERSON_MAX_S
from mingzhang.orders.store import SQL, Turn
from mingzhang.orders.suspense import ItemTurn
from mingzhang.payments.policy import Case
from mingzhang.payments.schedule import next_denied
from mingzhang.payments.store import list_payments

REASON = "payment_frozen"
DISPUTED = "dispute_open"


async def holds(turn: Turn, place: str, channel: str) -> bool:
    """Whether anything of the order lies there."""
    found = await turn.balances()
    return any(account.place == place and account.party == channel and fen for account, fen in found.items())


async def freeze(turn: Turn, channel: str, evidence_id: str) -> None:
    """The channel froze it; nothing happens when nothing of it lies there any more."""
    order = turn.order
    if not await holds(turn, CHANNEL, channel):
        if await holds(turn, HOLD, channel) and not await is_frozen(turn):  # a dispute's: now it is both
            turn.event("payment_frozen", evidence_id, channel=channel)
        return
    turn.event("payment_frozen", evidence_id, channel=channel)
    waits = await withdraw_unsent(turn, REASON)
    held = await turn.balances()
    posting = postings.frozen(order.order_id, held, at=(CHANNEL, channel), by_channel=True)
    await turn.post(posting, evidence_id)
    if waits:
        deadline = turn.now + timedelta(seconds=PERSON_MAX_S)
        turn.move("needs_person", holder=HOLD, next_actor="person", deadline_at=deadline, reason=REASON)


async def withdraw_unsent(turn: Turn, reason: str) -> bool:
    """Whether nothing of the order is out yet; then nothing goes out: when it is let go, an attempt is planned anew."""
    order = turn.order
    attempts = await fulfilment.list_attempts(turn.conn, order.order_id)
    under_way = [attempt for attempt in attempts if attempt.state in fulfilment.OPEN]
    sent = any(attempt.state != "ready" or attempt.at_shop_cost for attempt in under_way)
    if sent or not (order.state == "paid" or (order.state == "supplying" and under_way)):
        return False
    for attempt in under_way:
        await route.cancel(turn, attempt, reason)
    return True


async def unfreeze(
    ctx: Context, turn: Turn, channel: str, evidence_id: str, *, price_stands: bool = True
) -> None:
    """The channel let go: the money is where it was, and the order goes on if it waited for nothing else.

    What a dispute holds beside it stays held until that dispute's end, which then has the order supplied.
    """
    order = turn.order
    if not await holds(turn, HOLD, channel) or not await is_frozen(turn):
        return
    turn.event("payment_unfrozen", evidence_id, channel=channel)
    if await turn.conn.fetchval(SQL.is_held, order.bucket, order.order_id):
        if order.state == "needs_person" and order.reason == REASON:
            order.reason = DISPUTED
        return
    held = await turn.balances()
    await turn.post(postings.unfrozen(order.order_id, held, at=(CHANNEL, channel)), evidence_id)
    if order.state == "needs_person" and order.reason == REASON:
        await route.start_over(ctx, turn, channel, evidence_id, price_stands=price_stands)


async def is_frozen(turn: Turn) -> bool:
    """Whether the channel's own freeze is on the order, as far as it was told."""
    order = turn.order
    kind = await turn.conn.fetchval(SQL.read_freeze, order.bucket, order.order_id)
    return bool(kind == "payment_frozen")


async def hold(turn: Turn, evidence_id: str) -> int:
    """A dispute holds back what lies at rest, at channel or bank: the buyer's own, not the float's claim. Fen moved."""
    moved = 0
    for account, fen in sorted((await turn.balances()).items()):
        if account.place in (CHANNEL, CUSTODY) and account.owner == O and fen > 0:
            at = (account.place, account.party)
            posting = postings.frozen(turn.order.order_id, await turn.balances(), at=at, by_channel=False)
            await turn.post(posting, evidence_id)
            moved += fen
    return moved


async def lift(turn: Turn, evidence_id: str, books: str = "") -> int:
    """What a dispute held goes back to where it was; a channel's own freeze stays. Fen moved."""
    held = [
        (account, fen) for account, fen in (await turn.balances()).items() if account.place == HOLD and fen
    ]
    if not held or await is_frozen(turn):
        return 0
    channels = {payment.channel for payment in await list_payments(turn.conn, turn.order.order_id)}
    for party in sorted({account.party for account, _ in held}):
        at = (CHANNEL if party in channels else CUSTODY, party)
        posting = postings.unfrozen(turn.order.order_id, await turn.balances(), at=at)
        await turn.post(posting, evidence_id, books=books)
    return sum(fen for _, fen in held)


async def freeze_item(turn: ItemTurn, evidence_id: str) -> None:
    """The same of money put aside: held, a person is next, and the channel is asked on."""
    item = turn.item
    held = await turn.balances()
    if not any(account.place == CHANNEL and account.owner == S for account in held):
        return
    item.holder = HOLD
    turn.to_person(Case.FROZEN, evidence_id)
    item.due_at = next_denied(turn.now, turn.now)
    posting = postings.frozen(item.item_id, held, at=(CHANNEL, item.channel), by_channel=True)
    await turn.post(posting, evidence_id)


async def unfreeze_item(turn: ItemTurn, evidence_id: str) -> None:
    """The channel let go: it goes on by its own rule."""
    item = turn.item
    held = await turn.balances()
    turn.event("excess_unfrozen", evidence_id)
    turn.tell_buyer("excess_unfrozen", evidence_id)
    await turn.post(postings.unfrozen(item.item_id, held, at=(CHANNEL, item.channel)), evidence_id)
    turn.go_on()
