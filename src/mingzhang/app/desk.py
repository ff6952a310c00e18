"""The desk: every use case the edge may call, over one context. It opens no transaction of its own but small reads."""

import asyncio
import hmac
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import asyncpg

from mingzhang.app import (
    desk_staff,
    desk_supply,
    reading,
    reading_money,
    sample_catalogue,
    sample_shop,
    shop_reading,
    wiring,
    wiring_notices,
)
from mingzhang.app.origin import origin_of_request
from mingzhang.app.reading_status import StatusReader
from mingzhang.app.settings import Settings
from mingzhang.catalogue import store as catalogue
from mingzhang.catalogue.accounts import clean_account, clean_contact
from mingzhang.catalogue.change import Author, apply_lines, set_category
from mingzhang.catalogue.fields import AccountField, fields_of
from mingzhang.catalogue.number_check import NumberCheck, require_in_use
from mingzhang.catalogue.window import WindowCache
from mingzhang.custody.store import is_in_custody
from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import HttpMessage, Reply
from mingzhang.fulfilment.stock.importer import import_cards
from mingzhang.fulfilment.stock.store import read_unbooked_value
from mingzhang.fulfilment.stock.trade import PARTY as STOCK
from mingzhang.fulfilment.store import keep_view
from mingzhang.fulfilment.suppliers.base import Supplier
from mingzhang.kit.clock import Clock
from mingzhang.kit.database import DATABASE_AWAY, connect, open_pool, transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.guesses import PASSWORD, Guesses
from mingzhang.kit.ids import bucket_of, is_order_id, new_id, order_of_number
from mingzhang.kit.migrations import pending_on
from mingzhang.kit.outbound import Outbound
from mingzhang.ledger import postings
from mingzhang.ledger import store as ledger
from mingzhang.ledger.places import FREE
from mingzhang.orders import choose, claims, correct, notify, pay, supply
from mingzhang.orders import store as orders
from mingzhang.orders.context import Context
from mingzhang.orders.limits import Origin
from mingzhang.orders.password import password_fits
from mingzhang.orders.pay import NOBODY, Buyer
from mingzhang.orders.place import Placed, PlaceRequest, check_request, check_stock, place_order
from mingzhang.orders.sourcing import check_sale
from mingzhang.orders.typical import TypicalTimes
from mingzhang.payments.channels.base import Channel
from mingzhang.payments.offer import Device, Facts, offer
from mingzhang.shop.face import FaceCache
from mingzhang.staff.model import Member
from mingzhang.web.model import (
    ClaimPanel,
    MoneyPart,
    OrderPage,
    OrderStatus,
    PaymentPanel,
    ProductCard,
    TimelineItem,
    WorkItem,
)
from mingzhang.web.model_shop import Front

WAIT_POLL_S = 1.0


class Desk:
    """One installation, open for business. `aclose` frees connections."""

    number_check: NumberCheck | None = None  # docs/catalogue.md; none is built in

    def __init__(self, settings: Settings, ctx: Context, http: Outbound) -> None:
        self.settings = settings
        self.ctx = ctx
        self.post, self.routes = wiring_notices.build_post(settings, ctx, http)
        self._http = http
        self._times = TypicalTimes()
        self.window = WindowCache(ctx.pool)
        self.shop = FaceCache(ctx.pool, is_in_custody)
        self._guesses = Guesses(ctx.pool, ctx.vault.fingerprint)
        self._statuses = StatusReader(ctx.pool)
        self._bell = asyncio.Condition()
        self._listener: asyncio.Task[None] | None = None

    @property
    def http(self) -> Outbound:
        """Calls to outside parties."""
        return self._http

    @property
    def pool(self) -> asyncpg.Pool:
        """The database."""
        return self.ctx.pool

    @property
    def clock(self) -> Clock:
        """The product's time."""
        return self.ctx.clock

    @property
    def channels(self) -> Mapping[str, Channel]:
        """Payment channels by name."""
        return self.ctx.channels

    @property
    def channels_down(self) -> frozenset[str]:
        """Channels that answer no more; pages say so and offer the others."""
        return self.ctx.health.down(self.ctx.now()) & self.channels.keys()

    def ways(
        self, device: Device, amount_fen: int | None = None, *, payer_known: bool = False
    ) -> tuple[str, ...]:
        """The ways to pay that are offered, as channel.method; see `payments.offer`."""
        now, health = self.ctx.now(), self.ctx.health
        facts = [
            Facts(
                name=name,
                methods=channel.methods,
                payer_methods=channel.payer_methods,
                terms=health.terms.get(name),
                taken_fen=health.taken(name, now),
            )
            for name, channel in self.channels.items()
        ]
        return offer(facts, amount_fen, device, self.channels_down, payer_known=payer_known).ways

    @property
    def suppliers(self) -> Mapping[str, Supplier]:
        """Suppliers by name."""
        return self.ctx.suppliers

    async def place(
        self, client: str, key: str, request: PlaceRequest, origin: Origin | None = None
    ) -> Placed:
        """Place an order, once per (client, key). `origin`: where it comes from, if not from the page being answered."""
        await self._require_number(request)
        return await place_order(
            self.ctx,
            client,
            key,
            request,
            buckets=self.settings.buckets,
            origin=origin or origin_of_request(),
        )

    async def check(self, request: PlaceRequest) -> None:
        """Refuse what placing would refuse, before the buyer confirms (R16)."""
        checked = await check_request(self.ctx, request)
        await check_sale(self.ctx, checked.product, checked.quantity)
        await check_stock(self.ctx, checked.product, checked.quantity)
        await self._require_number(request)

    async def _require_number(self, request: PlaceRequest) -> None:
        """Where the shop brought a service for it: refuse a mobile number that is not in use (R18)."""
        if self.number_check is None:
            return
        product, _ = await self.ctx.catalogue.product(request.product_id, self.ctx.now())
        if product.account_template == "phone_cn":
            await require_in_use(self.number_check, clean_account("phone_cn", request.account))

    async def open_payment(
        self,
        order_id: str,
        channel: str = "",
        method: str = "qr",
        return_url: str = "",
        buyer: Buyer = NOBODY,
    ) -> PaymentPanel:
        """Open a payment, or show the one that is open. No channel named: the first that is offered."""
        channel = channel or next(iter(self.channels), "")
        opened = await pay.open_payment(self.ctx, order_id, channel, method, return_url, buyer)
        payment = opened.payment
        return PaymentPanel(
            payment_no=payment.payment_no,
            channel=payment.channel,
            method=payment.method,
            state=payment.state,
            url=payment.url,
            expires_at=payment.expires_at,
            transaction_id=payment.transaction_id,
            invoke=dict(opened.invoke),
        )

    async def receive_notify(self, channel: str, http: HttpMessage) -> Reply:
        """A channel's notify; raises `unknown_channel`."""
        if channel not in self.channels:
            raise Problem("unknown_channel", Kind.NOT_FOUND)
        return await notify.receive_notify(self.ctx, channel, http)

    async def receive_callback(self, supplier: str, http: HttpMessage) -> Reply:
        """A supplier's callback; raises `unknown_supplier`."""
        if supplier not in self.suppliers:
            raise Problem("unknown_supplier", Kind.NOT_FOUND)
        return await supply.receive_callback(self.ctx, supplier, http)

    async def order_page(self, order_id: str, codes_via: str = "") -> OrderPage:
        """Everything the buyer may read; raises `unknown_order`.

        Card codes only for the buyer's own eyes: ``codes_via`` says where they are shown (page, live, api), and each
        time that there are any goes on record before they are given out.
        """
        await self.ctx.health.refresh(self.pool)
        vault = self.ctx.vault if codes_via else None
        async with self.pool.acquire() as conn:
            async with conn.transaction(isolation="repeatable_read", readonly=True):
                page = await reading.read_page(conn, vault, self._times, order_id, self.ctx.now())
            if page.cards:
                cards = len(page.cards)
                await keep_view(conn, self.ctx.rng, self.ctx.now(), order_id, "buyer", codes_via, cards)
        return page

    async def status(self, order_id: str) -> OrderStatus:
        """The order's own row in short; raises `unknown_order`."""
        status = await self._statuses.read(order_id)
        if status is None:
            raise Problem("unknown_order", Kind.NOT_FOUND)
        return status

    def token_fits(self, order_id: str, token: str) -> bool:
        """Whether the token is the one of this number, ordered or not; nobody is asked."""
        if not is_order_id(order_id):
            return False
        return hmac.compare_digest(self.ctx.vault.token(order_id).encode(), token.encode())

    async def check_token(self, order_id: str, token: str) -> bool:
        """Whether the link's token opens this order; the same answer for one that never existed."""
        return self.token_fits(order_id, token) and await self.ctx.reader.snapshot(order_id) is not None

    async def check_contact(self, order_id: str, contact: str) -> bool:
        """Whether this is the order's contact or its query password; the same answer for one that never existed.

        What is not the contact is counted as a guess at the password, by order and over all processes.
        """
        vault = self.ctx.vault
        try:
            async with self.pool.acquire() as conn:
                order = await orders.read_order(conn, order_id)
        except Problem:
            return False
        with suppress(Problem):  # what is no contact may be a password
            if hmac.compare_digest(order.contact_hash, vault.fingerprint(clean_contact(contact))):
                return True
        try:
            await self._guesses.take(f"password:{order_id}", PASSWORD)
        except Problem:
            return False
        async with self.pool.acquire() as conn:
            return await password_fits(conn, vault, order_id, contact)

    async def find(self, number: str, contact: str) -> str:
        """The order behind any number the buyer may hold (F12); raises `not_found_or_wrong_contact` alike."""
        number = "".join(number.split())[:64]
        for order_id in await self._behind(number):
            if await self.check_contact(order_id, contact):
                return order_id
        raise Problem("not_found_or_wrong_contact", Kind.NOT_FOUND)

    async def behind(self, number: str) -> str:
        """The newest existing order that a number names, for staff; empty for none."""
        for order_id in sorted(await self._behind("".join(number.split())), reverse=True):
            if is_order_id(order_id) and await self.ctx.reader.snapshot(order_id) is not None:
                return order_id
        return ""

    async def _behind(self, number: str) -> list[str]:
        """The orders a number names: our own numbers carry the order's, outside ones were remembered."""
        try:
            return [order_of_number(number.upper())]
        except Problem:
            async with self.pool.acquire() as conn:
                return [str(row["order_id"]) for row in await conn.fetch(evidence.SQL.find_number, number)]

    async def choose(self, order_id: str, choice: str) -> None:
        """The buyer's choice while the supplier is silent: refund or wait."""
        await choose.choose(self.ctx, order_id, choice)

    async def correct(self, order_id: str, account: str, fields: Mapping[str, str]) -> None:
        """待您处理: the buyer's correction (R19); see `correct.correct` for what it raises."""
        await correct.correct(self.ctx, order_id, account, fields)

    async def refuse_correction(self, order_id: str) -> None:
        """待您处理: the buyer takes the money back; raises `correction_not_open`."""
        await correct.refuse_correction(self.ctx, order_id)

    async def correction_fields(self, order_id: str) -> tuple[AccountField, ...]:
        """What the order's product asks for; raises `unknown_order`."""
        async with self.pool.acquire() as conn:
            order = await orders.read_order(conn, order_id)
            product = await catalogue.read_any_product(conn, order.product_id)
        return fields_of(product.account_template, product.fields)

    async def check_payment(self, order_id: str) -> None:
        """已付款,订单未更新: ask the channel now."""
        await pay.ask_now(self.ctx, order_id)

    async def make_claim(self, order_id: str, number: str, picture: bytes = b"") -> ClaimPanel:
        """A payment that the buyer shows us (R26); see `claims.make_claim` for what it raises."""
        return reading.claim_panel(await claims.make_claim(self.ctx, order_id, number, picture))

    async def front(self, category: str = "", query: str = "", number: int = 1) -> Front:
        """The shop front, or the part of it in a category and with these words; pages from 1."""
        await self.ctx.health.refresh(self.pool)
        window = await self.window.look()
        async with self.pool.acquire() as conn:
            front = await shop_reading.read_front(conn, self._times, window, category, query, number)
        return await desk_supply.with_closures(self.ctx, front)

    async def products(self) -> list[ProductCard]:
        """Everything on sale."""
        window = await self.window.look()
        large_fen = self.settings.large_amount_fen
        async with self.pool.acquire() as conn:
            found = [
                await shop_reading.read_card(conn, self._times, window, one, large_fen)
                for one in window.listings
            ]
        return [await desk_supply.with_closure(self.ctx, card) for card in found]

    async def product(self, product_id: str) -> ProductCard:
        """One product; raises `unknown_product`."""
        await self.ctx.health.refresh(self.pool)
        window = await self.window.look()
        async with self.pool.acquire() as conn:
            found = (await catalogue.read_listings(conn, [product_id])).get(product_id)
            if found is None or not found.on_sale:
                raise Problem("unknown_product", Kind.NOT_FOUND)
            card = await shop_reading.read_card(
                conn, self._times, window, found, self.settings.large_amount_fen
            )
        return await desk_supply.with_closure(self.ctx, card)

    async def picture(self, picture_id: str) -> bytes:
        """A product's picture (JPEG); raises `not_found`."""
        async with self.pool.acquire() as conn:
            body = await catalogue.read_picture(conn, picture_id)
        if body is None:
            raise Problem("not_found", Kind.NOT_FOUND)
        return body

    async def price(self, product_id: str, quantity: str) -> int | None:
        """What that many cost, in fen; None for what cannot be bought."""
        try:
            product, _ = await self.ctx.catalogue.product(product_id, self.ctx.now())
        except Problem:
            return None
        wanted = int(quantity) if quantity.isascii() and quantity.isdecimal() and len(quantity) <= 4 else 0
        return product.total_fen(wanted or product.min_quantity)

    async def rules(self, lang: str) -> tuple[int, str]:
        """Number and text of the rules in force."""
        async with self.pool.acquire() as conn:
            rules = await catalogue.read_rules(conn, self.ctx.now())
        return rules.version, rules.text_en if lang == "en" else rules.text_zh

    async def trail(self, order_id: str) -> list[MoneyPart]:
        """Where the money is: the sums of the order's legs by place."""
        async with self.pool.acquire() as conn:
            order = await orders.read_order(conn, order_id)
            return list((await reading_money.read_money(conn, order_id, order.price_fen))[0])

    async def events(self, order_id: str, after: int) -> list[TimelineItem]:
        """The timeline after an event number."""
        async with self.pool.acquire() as conn:
            await orders.read_order(conn, order_id)
            return list(await reading.read_timeline(conn, order_id, after))

    async def work_list(self) -> list[WorkItem]:
        """Whatever waits for a person or is past its time."""
        return await desk_staff.read_work(self.ctx)

    async def staff_action(self, who: Member | str, kind: str, subject: str, action: str) -> None:
        """Asking again, on record; see `desk_staff.do_action`."""
        await desk_staff.do_action(self.ctx, who, kind, subject, action)

    async def wait_change(self, order_id: str, seq: int, timeout_s: float) -> int:
        """Wait until the order has an event after `seq`, at most `timeout_s` real seconds; the newest number."""
        self._listen()
        bucket = bucket_of(order_id)
        give_up = asyncio.get_running_loop().time() + timeout_s
        while True:
            async with self.pool.acquire() as conn:
                newest = await conn.fetchval(orders.SQL.read_seq, bucket, order_id)
            if newest is None:
                raise Problem("unknown_order", Kind.NOT_FOUND)
            left = give_up - asyncio.get_running_loop().time()
            if newest > seq or left <= 0:
                return int(newest)
            async with self._bell:
                try:
                    await asyncio.wait_for(self._bell.wait(), min(left, WAIT_POLL_S))
                except TimeoutError:
                    continue

    def _listen(self) -> None:
        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._ring_on_news())

    async def _ring_on_news(self) -> None:
        """NOTIFY is a hint; polling stands behind it, so a broken connection costs a second and no news."""
        loop = asyncio.get_running_loop()

        def heard(*_: Any) -> None:
            loop.create_task(self._ring())  # noqa: RUF006 - a bell that is not heard is rung again by polling

        closed = asyncio.Event()
        conn = await connect(self.settings.database_url)
        try:
            conn.add_termination_listener(lambda _: closed.set())
            await conn.add_listener("mz_order", heard)
            await closed.wait()
        finally:
            await conn.close()

    async def _ring(self) -> None:
        async with self._bell:
            self._bell.notify_all()

    async def lacking(self) -> str:
        """What must come before traffic: `database`, `migrations` (behind or ahead of this code), or nothing."""
        try:
            async with self.pool.acquire(timeout=2) as conn:
                return "migrations" if await pending_on(conn) else ""
        except Problem:
            return "migrations"
        except (*DATABASE_AWAY, asyncpg.PostgresError):
            return "database"

    async def set_up_sample_shop(self) -> None:
        """Sample products and rules, for the demo and for tests; what exists stays."""
        async with transaction(self.pool) as conn:
            await catalogue.add_rules(conn, wiring.sample_rules(), self.ctx.now())
            for product in [*wiring.sample_products(), *sample_shop.further_products()]:
                await catalogue.add_product(conn, product)
            for route in sample_shop.further_routes():
                await catalogue.add_route(conn, route)
        async with self.pool.acquire() as conn:
            laid_out = bool(await catalogue.list_categories(conn))
        if not laid_out:
            now, setup = self.ctx.now(), Author(name="setup", way="setup")
            for category in sample_catalogue.categories():
                await set_category(self.pool, self.ctx.rng, now, setup, category)
            await apply_lines(self.pool, self.ctx.rng, now, setup, sample_catalogue.lines())
        batch, cards = sample_shop.stock_batch()
        await import_cards(self.pool, self.ctx.vault, batch, cards, self.ctx.now())
        self.ctx.catalogue.forget()
        self.window.forget()

    async def book_opening_balances(self) -> dict[str, int]:
        """Row 1: each supplier's prefund as it stands, once, citing the supplier's own answer. Returns what was booked
        now, fen by supplier.

        Of own stock only what came in before imports were booked. Raises `supplier_unavailable`, and `opening_too_late`
        for a supplier that was dealt with before: what it has by now is no opening balance.
        """
        booked: dict[str, int] = {}
        for name, supplier in self.suppliers.items():
            answer = await supplier.balance()
            if not answer.known:
                raise Problem("supplier_unavailable", Kind.UNAVAILABLE, name)
            async with transaction(self.pool) as conn:
                now, subject = self.ctx.now(), f"CAPITAL-{name}"
                free_fen = answer.free_fen if name != STOCK else await read_unbooked_value(conn)
                if await ledger.has_capital(conn, subject) or not free_fen:
                    continue
                if name != STOCK and await ledger.has_dealt_with(conn, name):
                    raise Problem("opening_too_late", Kind.CONFLICT, name)
                cited = await evidence.keep_all(conn, self.ctx.rng, now, answer.messages)
                posting = postings.capital_in(subject, party=name, place=FREE, amount_fen=free_fen)
                await ledger.write_shared(
                    conn, posting, evidence_id=cited or new_id(now, self.ctx.rng), now=now
                )
            booked[name] = free_fen
        return booked

    async def aclose(self) -> None:
        """Free connections."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        for channel in self.channels.values():
            await channel.aclose()
        for supplier in self.suppliers.values():
            await supplier.aclose()
        for courier in self.post.couriers.values():
            await courier.aclose()
        await self._http.aclose()
        await self.ctx.batch.close()
        await self.ctx.reader.close()
        await self._statuses.close()
        if self.ctx.limits is not None:
            await self.ctx.limits.close()
        await self.pool.close()


async def open_desk(settings: Settings) -> Desk:
    """Open the database and the outside parties' adapters."""
    pool = await open_pool(settings.database_url, 2, settings.pool_size)
    http = Outbound()
    try:
        return Desk(settings, wiring.build_context(settings, pool, http), http)
    except BaseException:
        await pool.close()
        raise
