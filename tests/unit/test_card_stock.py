"""Own card stock on a real PostgreSQL: claims by number, FIFO, never oversold, whoever comes at once (F6-F8, F20)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingzhang.evidence.messages import HttpMessage, Standing
from mingzhang.fulfilment.stock import store
from mingzhang.fulfilment.stock.allocate import Grant, ShelfCard, Wish, advances, allocate
from mingzhang.fulfilment.stock.card_stock import CardStock
from mingzhang.fulfilment.stock.importer import NewBatch, import_cards
from mingzhang.fulfilment.stock.reader import CardLine
from mingzhang.fulfilment.stock.shelf import move, withdraw
from mingzhang.fulfilment.suppliers.base import GoodsKind, Reason, SupplyAnswer, SupplyRequest, SupplyState
from mingzhang.kit.clock import ManualClock
from mingzhang.kit.database import open_pool
from mingzhang.kit.errors import Problem
from mingzhang.kit.vault import Vault

NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)
VAULT = Vault(b"k" * 32)
SUCCEEDED, REFUSED = SupplyState.SUCCEEDED, SupplyState.REFUSED


def lines(prefix: str, count: int) -> list[CardLine]:
    return [CardLine(n, f"{prefix}-{n}", f"pass-{prefix}-{n:06d}") for n in range(1, count + 1)]


async def stock_up(
    pool: asyncpg.Pool,
    batch_id: str,
    count: int,
    *,
    product: str = "game-100",
    unit_cost_fen: int = 9000,
    expires_at: datetime | None = None,
    reusable: bool = False,
    now: datetime = NOW,
) -> None:
    batch = NewBatch(
        batch_id=batch_id,
        product=product,
        unit_cost_fen=unit_cost_fen,
        expires_at=expires_at,
        source="test.csv",
        added_by="keeper",
        reusable=reusable,
    )
    done = await import_cards(pool, VAULT, batch, lines(batch_id, count), now)
    assert (done.cards, done.skipped) == (count, 0)


def wish(
    number: str, quantity: int = 1, product: str = "game-100", safe_cost_fen: int = 10**9
) -> SupplyRequest:
    return SupplyRequest(
        attempt_no=number,
        kind=GoodsKind.CARD,
        supplier_product=product,
        quantity=quantity,
        account="",
        face_value_fen=10000,
        safe_cost_fen=safe_cost_fen,
    )


@pytest.fixture
async def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def stock(pool: asyncpg.Pool, clock: ManualClock) -> AsyncIterator[CardStock]:
    stock = CardStock(pool, VAULT, clock)
    yield stock
    await stock.aclose()


async def left(pool: asyncpg.Pool) -> int:
    return int(await pool.fetchval("SELECT coalesce(sum(available), 0) FROM card_shelf WHERE NOT reusable"))


async def levels(pool: asyncpg.Pool) -> list[store.Level]:
    async with pool.acquire() as conn:
        return await store.read_levels(conn, NOW)


async def is_sound(pool: asyncpg.Pool) -> None:
    """Shelf, claims and withdrawals agree, and nobody has a card that another has."""
    twice = await pool.fetchval(
        "SELECT count(*) FROM (SELECT FROM card_claim_item WHERE NOT reusable GROUP BY batch_id, n HAVING count(*) > 1) t"
    )
    assert twice == 0
    wrong = await pool.fetch(
        """SELECT s.batch_id FROM card_shelf s JOIN card_batch b USING (batch_id)
           WHERE NOT s.reusable AND s.available <> b.cards
             - (SELECT count(*) FROM card_claim_item i WHERE i.batch_id = s.batch_id)
             - (SELECT count(*) FROM card_withdrawal w WHERE w.batch_id = s.batch_id)"""
    )
    assert wrong == []
    lacking = await pool.fetchval(
        """SELECT count(*) FROM card_claim c WHERE c.quantity * (c.state = 'claimed')::int
             <> (SELECT count(*) FROM card_claim_item i WHERE i.attempt_no = c.attempt_no)"""
    )
    assert lacking == 0


# -- one claim -------------------------------------------------------------------------------------


async def test_a_claim_brings_cards_cost_and_a_trail_without_codes(
    pool: asyncpg.Pool, stock: CardStock
) -> None:
    await stock_up(pool, "b1", 5)
    done = await stock.submit(wish("A1T1", 2))
    assert (done.state, done.cost_fen, done.finished_at) == (SUCCEEDED, 18000, NOW)
    assert [card.password for card in done.cards] == ["pass-b1-000001", "pass-b1-000002"]
    assert done.serial == "b1:1"
    told = b"".join(message.body for message in done.messages)
    assert b"b1:2" in told
    assert b"pass-" not in told
    assert [message.standing for message in done.messages] == [Standing.OWN, Standing.ANSWER]
    stored = await pool.fetch("SELECT card_enc FROM card")
    assert all(b"pass" not in row["card_enc"] for row in stored)
    await is_sound(pool)


async def test_the_same_number_has_one_answer_for_ever(pool: asyncpg.Pool, stock: CardStock) -> None:
    """F6, F20: asked again, six times at once, and from another process."""
    await stock_up(pool, "b1", 50)
    first = await stock.submit(wish("A1T1", 3))
    other = CardStock(pool, VAULT, ManualClock(NOW + timedelta(days=1)))
    again = await asyncio.gather(
        *(stock.submit(wish("A1T1", 3)) for _ in range(6)), *(other.submit(wish("A1T1", 3)) for _ in range(6))
    )
    assert all(answer == first for answer in again)
    assert await other.query("A1T1", GoodsKind.CARD, 3) == first
    assert await left(pool) == 47
    await other.aclose()


async def test_a_number_with_another_wish_is_refused_as_a_mistake(
    pool: asyncpg.Pool, stock: CardStock
) -> None:
    await stock_up(pool, "b1", 5)
    await stock.submit(wish("A1T1"))
    for changed in (wish("A1T1", 2), wish("A1T1", product="other")):
        with pytest.raises(Problem, match="attempt_reused"):
            await stock.submit(changed)
    assert await left(pool) == 4


async def test_what_was_never_claimed_may_be_sent_again(pool: asyncpg.Pool, stock: CardStock) -> None:
    """A crash between the intent and the claim: our own table is the proof (F11)."""
    asked = await stock.query("A1T1", GoodsKind.CARD)
    assert (asked.state, asked.code) == (SupplyState.NOT_SENT, "never_claimed")
    await stock_up(pool, "b1", 1)
    assert (await stock.submit(wish("A1T1"))).state is SUCCEEDED
    assert (await stock.query("A1T1", GoodsKind.CARD)).state is SUCCEEDED


async def test_too_few_cards_is_a_refusal_that_stays_one(pool: asyncpg.Pool, stock: CardStock) -> None:
    """F8; and a late import does not turn an order around that was refunded."""
    await stock_up(pool, "b1", 2)
    refused = await stock.submit(wish("A1T1", 3))
    assert (refused.state, refused.reason, refused.cards) == (REFUSED, Reason.STOCK_OUT, ())
    assert (refused.code, refused.text) == ("stock_out", "库存不足")
    assert (await stock.submit(wish("B1T1", product="never-seen"))).reason is Reason.STOCK_OUT
    await stock_up(pool, "b2", 10)
    assert await stock.submit(wish("A1T1", 3)) == refused
    assert (await stock.query("A1T1", GoodsKind.CARD)).reason is Reason.STOCK_OUT
    assert await left(pool) == 12


async def test_cards_that_cost_more_than_they_may_are_not_given(pool: asyncpg.Pool, stock: CardStock) -> None:
    await stock_up(pool, "b1", 3, unit_cost_fen=9700)
    assert (await stock.submit(wish("A1T1", 1, safe_cost_fen=9699))).reason is Reason.PRICE_CHANGED
    assert (await stock.submit(wish("A2T1", 1, safe_cost_fen=9700))).state is SUCCEEDED


async def test_consigned_cards_cost_nothing(pool: asyncpg.Pool, stock: CardStock) -> None:
    """Ledger row 25."""
    await stock_up(pool, "b1", 1, unit_cost_fen=0)
    assert (await stock.submit(wish("A1T1", safe_cost_fen=1))).cost_fen == 0


async def test_what_expires_first_goes_first_and_what_expired_never(
    pool: asyncpg.Pool, stock: CardStock, clock: ManualClock
) -> None:
    day = timedelta(days=1)
    await stock_up(pool, "ever", 2)
    await stock_up(pool, "late", 2, expires_at=NOW + 9 * day, now=NOW + timedelta(seconds=1))
    await stock_up(pool, "soon", 2, expires_at=NOW + day, now=NOW + timedelta(seconds=2))
    await stock_up(
        pool, "late2", 2, expires_at=NOW + 9 * day, now=NOW + timedelta(seconds=3), unit_cost_fen=1
    )
    first = await stock.submit(wish("A1T1"))
    assert first.serial == "soon:1"
    clock.advance(day)
    rest = [await stock.submit(wish(f"B{n}T1")) for n in range(7)]
    assert [answer.serial for answer in rest[:6]] == [
        "late:1",
        "late:2",
        "late2:1",
        "late2:2",
        "ever:1",
        "ever:2",
    ]
    assert rest[6].reason is Reason.STOCK_OUT
    await is_sound(pool)


async def test_one_claim_may_reach_over_batches(pool: asyncpg.Pool, stock: CardStock) -> None:
    await stock_up(pool, "b1", 2, unit_cost_fen=100)
    await stock_up(pool, "b2", 2, unit_cost_fen=50, now=NOW + timedelta(seconds=1))
    done = await stock.submit(wish("A1T1", 3))
    assert (done.cost_fen, [card.number for card in done.cards]) == (250, ["b1-1", "b1-2", "b2-1"])


async def test_a_reusable_code_is_sold_many_times(pool: asyncpg.Pool, stock: CardStock) -> None:
    """循环卡密: claims that consume nothing, at no cost a sale; a product has such codes or ordinary cards, never both."""
    await stock_up(pool, "b1", 1, reusable=True, unit_cost_fen=7)
    with pytest.raises(Problem, match="stock_kind_differs"):
        await stock_up(pool, "b2", 1)
    answers = [await stock.submit(wish(f"A{n}T1", 2)) for n in range(3)]
    assert {card.password for answer in answers for card in answer.cards} == {"pass-b1-000001"}
    assert [(answer.cost_fen, len(answer.cards)) for answer in answers] == [(0, 2)] * 3
    assert [(level.available, level.endless) for level in await levels(pool)] == [(1, True)]
    await is_sound(pool)


async def test_the_balance_is_what_the_sellable_cards_cost_us(
    pool: asyncpg.Pool, stock: CardStock, clock: ManualClock
) -> None:
    await stock_up(pool, "b1", 3, unit_cost_fen=100)
    await stock_up(pool, "b2", 2, unit_cost_fen=1000, expires_at=NOW + timedelta(hours=1), product="other")
    await stock.submit(wish("A1T1"))
    balance = await stock.balance()
    assert (balance.known, balance.free_fen) == (True, 2200)
    clock.advance(3600)
    assert (await stock.balance()).free_fen == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": GoodsKind.MOBILE},
        {"quantity": 0},
        {"quantity": 1001},
        {"attempt_no": ""},
        {"attempt_no": "9" * 51},
    ],
)
async def test_a_request_for_no_cards_is_our_own_mistake(
    stock: CardStock, changes: dict[str, object]
) -> None:
    fields = {name: getattr(wish("A1T1"), name) for name in SupplyRequest.__struct_fields__}
    with pytest.raises(Problem, match="supply_invalid"):
        await stock.submit(SupplyRequest(**{**fields, **changes}))


async def test_nobody_calls_for_our_own_stock(stock: CardStock) -> None:
    hint = stock.read_callback(HttpMessage(method="POST", query="", headers={}, body=b"A1T1 success"))
    assert (hint.attempt_no, hint.message.standing) == ("", Standing.FORGED)
    assert stock.acknowledge(accepted=False).status == 404


async def test_a_database_that_is_gone_is_no_refusal(database_url: str, clock: ManualClock) -> None:
    pool = await open_pool(database_url, max_size=2)
    stock = CardStock(pool, VAULT, clock)
    await stock.submit(wish("A1T1"))
    await stock.aclose()
    late = await stock.submit(wish("A2T1"))
    assert (late.state, late.code) == (SupplyState.NOT_SENT, "shutting_down")
    await asyncio.wait_for(pool.close(), 10)


async def test_a_session_that_died_while_idle_is_replaced(
    database_url: str, pool: asyncpg.Pool, stock: CardStock
) -> None:
    await stock_up(pool, "b1", 2)
    await stock.submit(wish("A1T1"))
    control = await asyncpg.connect(database_url)
    ended = await control.fetch(
        """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
           WHERE datname = current_database() AND pid <> pg_backend_pid()"""
    )
    await control.close()
    assert ended
    assert (await stock.submit(wish("A2T1"))).state is SUCCEEDED


# -- many at once ----------------------------------------------------------------------------------


async def claim_all(stocks: list[CardStock], wishes: list[SupplyRequest]) -> list[SupplyAnswer]:
    """Every wish twice, at different clients, all at once."""
    calls = [
        stocks[(n + shift) % len(stocks)].submit(each) for n, each in enumerate(wishes) for shift in (0, 3)
    ]
    answers = await asyncio.gather(*calls)
    assert all(answers[n] == answers[n + 1] for n in range(0, len(answers), 2))
    return answers[::2]


async def test_eight_clients_eight_products_four_hundred_orders(
    database_url: str, clock: ManualClock
) -> None:
    """F7: every paid order has exactly its cards."""
    pools = [await open_pool(database_url, min_size=1, max_size=2) for _ in range(8)]
    stocks = [CardStock(pool, VAULT, clock) for pool in pools]
    for p in range(8):
        await stock_up(pools[0], f"a{p}", 40, product=f"p{p}")
        await stock_up(pools[0], f"b{p}", 70, product=f"p{p}", expires_at=NOW + timedelta(days=p + 1))
    wishes = [wish(f"O{n}T1", 1 + n % 3, product=f"p{n % 8}") for n in range(400)]
    answers = await claim_all(stocks, wishes)
    assert all(answer.state is SUCCEEDED for answer in answers)
    assert [len(answer.cards) for answer in answers] == [each.quantity for each in wishes]
    given = Counter(card.password for answer in answers for card in answer.cards)
    assert set(given.values()) == {1}
    assert await left(pools[0]) == 8 * 110 - len(given)
    await is_sound(pools[0])
    for stock, pool in zip(stocks, pools, strict=True):
        await stock.aclose()
        await asyncio.wait_for(pool.close(), 10)


async def test_five_pay_for_three_and_nobody_gets_what_is_not_there(
    database_url: str, clock: ManualClock
) -> None:
    """F8: exactly the stock is given, whoever is first; the others are refused, none left without an answer."""
    pools = [await open_pool(database_url, min_size=1, max_size=2) for _ in range(8)]
    stocks = [CardStock(pool, VAULT, clock) for pool in pools]
    await stock_up(pools[0], "b1", 60)
    answers = await claim_all(stocks, [wish(f"O{n}T1") for n in range(100)])
    assert Counter(answer.state for answer in answers) == {SUCCEEDED: 60, REFUSED: 40}
    assert all(answer.reason is Reason.STOCK_OUT for answer in answers if answer.state is REFUSED)
    assert len({card.password for answer in answers for card in answer.cards}) == 60
    await is_sound(pools[0])
    for stock, pool in zip(stocks, pools, strict=True):
        await stock.aclose()
        await asyncio.wait_for(pool.close(), 10)


async def test_sales_withdrawals_and_imports_at_once(database_url: str, clock: ManualClock) -> None:
    pools = [await open_pool(database_url, min_size=1, max_size=4) for _ in range(3)]
    stocks = [CardStock(pool, VAULT, clock) for pool in pools]
    await stock_up(pools[0], "b0", 60)
    answers = await asyncio.gather(
        *(stocks[n % 3].submit(wish(f"O{n}T1", 1 + n % 2)) for n in range(60)),
        *(
            withdraw(pools[n % 3], "b0", range(n * 5, n * 5 + 5), reason="bin", by="keeper", now=NOW)
            for n in range(4, 12)
        ),
        *(stock_up(pools[n % 3], f"late{n}", 10) for n in range(3)),
    )
    sold = [card.password for answer in answers if isinstance(answer, SupplyAnswer) for card in answer.cards]
    binned = [n for answer in answers if isinstance(answer, list) for n in answer]
    assert len(sold) == len(set(sold))
    assert await left(pools[0]) == 90 - len(sold) - len(binned)
    assert not {f"pass-b0-{n:06d}" for n in binned} & set(sold)
    await is_sound(pools[0])
    for stock, pool in zip(stocks, pools, strict=True):
        await stock.aclose()
        await asyncio.wait_for(pool.close(), 10)


# -- two ways to one result -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
async def test_the_one_call_and_the_long_way_give_the_same(pool: asyncpg.Pool, seed: int) -> None:
    """The function in the database against the arithmetic in Python, on twin products (decision 0006)."""
    rng = Random(seed)
    sizes = [(rng.randint(1, 12), rng.randint(0, 9), rng.choice([None, 1, 2])) for _ in range(5)]
    for side in "xy":
        for n, (count, cost, days) in enumerate(sizes):
            expires_at = None if days is None else NOW + timedelta(days=days)
            moment = NOW + timedelta(seconds=n)
            await stock_up(
                pool, f"{side}{n}", count, product=side, unit_cost_fen=cost, expires_at=expires_at, now=moment
            )
        gone = [n for n in range(1, 12) if n % 3 == seed % 3]
        await withdraw(pool, f"{side}1", gone, reason="bin", by="keeper", now=NOW)
    told: dict[str, list[object]] = {"x": [], "y": []}
    for step in range(8):
        wanted = [(rng.randint(1, 3), rng.choice([3, 30, 300])) for _ in range(rng.randint(1, 4))]
        now = NOW + timedelta(hours=9 * step)
        for side, way in (("x", store.claim), ("y", store._claim_by_looking)):
            wishes = [
                Wish(attempt_no=f"{side}{step}n{k}", product=side, quantity=q, safe_cost_fen=safe)
                for k, (q, safe) in enumerate(wanted)
            ]
            async with pool.acquire() as conn:
                answers = await way(conn, wishes, now)
                again = await way(conn, wishes, now + timedelta(days=1))
            assert again == answers
            for each in wishes:
                claim = answers[each.attempt_no]
                assert isinstance(claim, store.Claim)
                told[side].append(
                    (claim.state, claim.reason, claim.cost_fen, [(c.batch_id[1:], c.n) for c in claim.cards])
                )
    assert told["x"] == told["y"]
    await is_sound(pool)


# -- people ----------------------------------------------------------------------------------------


async def test_the_recycle_bin_takes_what_is_left_and_only_that(pool: asyncpg.Pool, stock: CardStock) -> None:
    await stock_up(pool, "b1", 6)
    await stock.submit(wish("A1T1", 2))
    assert await withdraw(pool, "b1", [1, 4, 99], reason="bin", by="keeper", now=NOW) == [4]
    assert await withdraw(pool, "b1", [4], reason="bin", by="keeper", now=NOW) == []
    done = await stock.submit(wish("A2T1", 2))
    assert [card.number for card in done.cards] == ["b1-3", "b1-5"]
    assert await withdraw(pool, "b1", None, reason="bin", by="keeper", now=NOW) == [6]
    assert (await stock.submit(wish("A3T1"))).reason is Reason.STOCK_OUT
    with pytest.raises(Problem, match="unknown_batch"):
        await withdraw(pool, "b9", None, reason="bin", by="keeper", now=NOW)
    await is_sound(pool)


async def test_cards_move_to_another_product_and_are_no_duplicates_there(
    pool: asyncpg.Pool, stock: CardStock
) -> None:
    await stock_up(pool, "b1", 5)
    await stock.submit(wish("A1T1"))
    into = NewBatch(
        batch_id="b2", product="other", unit_cost_fen=8000, expires_at=None, source="b1", added_by="keeper"
    )
    assert (await move(pool, VAULT, "b1", [1, 2, 3], into, NOW)).cards == 2
    done = await stock.submit(wish("A2T1", 2, product="other"))
    assert ([card.number for card in done.cards], done.cost_fen) == (
        ["b1-2", "b1-3"],
        18000,
    )  # at their own cost
    assert [card.number for card in (await stock.submit(wish("A3T1"))).cards] == ["b1-4"]
    with pytest.raises(Problem, match="batch_reused"):
        await move(pool, VAULT, "b1", None, into, NOW)
    with pytest.raises(Problem, match="nothing_to_move"):
        await move(pool, VAULT, "b2", None, NewBatch(**{**_fields(into), "batch_id": "b3"}), NOW)
    await is_sound(pool)


def _fields(batch: NewBatch) -> dict[str, object]:
    return {name: getattr(batch, name) for name in NewBatch.__struct_fields__}


async def test_the_database_itself_refuses_a_card_given_twice(pool: asyncpg.Pool) -> None:
    """F7: whatever the program believes."""
    insert = "INSERT INTO card_claim_item VALUES ($1, 1, 'b1', 1, $2::text = 'reusable')"
    await pool.execute(insert, "A1T1", "once")
    with pytest.raises(asyncpg.UniqueViolationError):
        await pool.execute(insert, "A2T1", "once")
    await pool.execute(insert, "A3T1", "reusable")


# -- the arithmetic --------------------------------------------------------------------------------

WISHES = st.lists(
    st.tuples(st.sampled_from("xy"), st.integers(1, 4), st.integers(0, 30)), min_size=1, max_size=12
)
SHELVES = st.dictionaries(
    st.sampled_from("xy"), st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=12)
)


@given(WISHES, SHELVES)
def test_allocation_gives_each_card_once_in_order_and_refuses_only_with_reason(
    wished: list[tuple[str, int, int]], stocked: dict[str, list[tuple[int, bool]]]
) -> None:
    wishes = [
        Wish(attempt_no=f"{n}", product=p, quantity=q, safe_cost_fen=s) for n, (p, q, s) in enumerate(wished)
    ]
    shelves = {
        p: [
            ShelfCard(batch_id=p, n=n, unit_cost_fen=cost, reusable=again, card_enc=b"")
            for n, (cost, again) in enumerate(row, start=1)
        ]
        for p, row in stocked.items()
    }
    grants = allocate(wishes, shelves)
    assert [grant.wish for grant in grants] == wishes
    free = {p: list(row) for p, row in shelves.items()}
    for grant in grants:
        shelf = free.get(grant.wish.product, [])
        if grant.reason is None:
            assert len(grant.cards) == grant.wish.quantity
            assert (
                grant.cost_fen == sum(card.unit_cost_fen for card in grant.cards) <= grant.wish.safe_cost_fen
            )
            for card in grant.cards:
                assert card is shelf[0]  # what lies first goes first
                if not card.reusable:
                    shelf.pop(0)
        elif grant.reason is Reason.STOCK_OUT:
            assert len(shelf) < grant.wish.quantity
            assert not any(card.reusable for card in shelf)
        else:
            assert grant.reason is Reason.PRICE_CHANGED
    gone: Counter[str] = Counter(
        card.batch_id for grant in grants for card in grant.cards if not card.reusable
    )
    assert {batch: count for batch, (_, count) in advances(grants).items()} == gone


def test_a_refused_wish_leaves_its_cards_to_the_next() -> None:
    cards = [ShelfCard(batch_id="b", n=n, unit_cost_fen=5, reusable=False, card_enc=b"") for n in (1, 2)]
    wishes = [
        Wish(attempt_no="1", product="x", quantity=3, safe_cost_fen=99),
        Wish(attempt_no="2", product="x", quantity=1, safe_cost_fen=4),
        Wish(attempt_no="3", product="x", quantity=2, safe_cost_fen=10),
    ]
    grants: list[Grant] = allocate(wishes, {"x": cards})
    assert [grant.reason for grant in grants] == [Reason.STOCK_OUT, Reason.PRICE_CHANGED, None]
