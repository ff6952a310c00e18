"""Finding and making adapters: entry points `mingzhang.channels`, `.suppliers`, `.banks`, `.anchors` (docs/adapters.md).

The built-in ones stand in `BUILT_IN`, which is what `pyproject.toml` declares, too (a test holds the two together):
so they are found when the package's installed metadata are old or absent, as in a checkout. Everybody else's are
found through the metadata of the installed packages alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, cast

import msgspec
import structlog

from mingzhang.app.settings import Settings
from mingzhang.custody.banks.base import Bank
from mingzhang.fulfilment.suppliers.base import Supplier
from mingzhang.kit.adapter import NAME, AdapterSettings, Given, Inner
from mingzhang.kit.clock import Clock
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.outbound import Outbound
from mingzhang.payments.channels.base import Channel
from mingzhang.transparency.anchors import Anchor

log = structlog.get_logger()

OURS: Final = "mingzhang"
CHANNELS: Final = "mingzhang.channels"
SUPPLIERS: Final = "mingzhang.suppliers"
BANKS: Final = "mingzhang.banks"
ANCHORS: Final = "mingzhang.anchors"
# Banks and anchors call nobody.
HOOKS: Final = {CHANNELS: "channels", SUPPLIERS: "suppliers", BANKS: "banks", ANCHORS: "anchors"}
# In the order in which buyers are offered the channels.
BUILT_IN: Final[Mapping[str, Mapping[str, str]]] = {
    CHANNELS: {
        "alipay": "mingzhang.payments.channels.factories:make_alipay",
        "wechat": "mingzhang.payments.channels.factories:make_wechat",
        "epay": "mingzhang.payments.channels.factories:make_epay",
    },
    SUPPLIERS: {
        "fulu": "mingzhang.fulfilment.suppliers.factories:make_fulu",
        "kasushou": "mingzhang.fulfilment.suppliers.factories:make_kasushou",
        "dtone": "mingzhang.fulfilment.suppliers.factories:make_dtone",
        "stock": "mingzhang.fulfilment.stock.factory:make_stock",
        "manual": "mingzhang.fulfilment.manual.factory:make_manual",
    },
    BANKS: {"bank": "mingzhang.custody.banks.files:make_bank"},
    ANCHORS: {"tsa": "mingzhang.transparency.tsa:make_tsa"},
}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One adapter that is installed. ``package``: whose it is; ``version``: empty for our own."""

    name: str
    target: str
    package: str = OURS
    version: str = ""

    def load(self, group: str) -> Callable[..., Any]:
        """Its factory. Raises Problem ``adapter_broken`` with what its module said."""
        try:
            factory = EntryPoint(self.name, self.target, group).load()
        except Exception as error:
            raise self.broken(f"{type(error).__name__}: {error}") from error
        if not callable(factory):
            raise self.broken("names nothing that can be called")
        return factory  # type: ignore[no-any-return]

    def broken(self, why: str) -> Problem:
        """The problem with this one."""
        return Problem(
            "adapter_broken",
            Kind.INVALID,
            f"{self.name} ({self.package}, {self.target}): {why}",
            {"adapter": self.name},
        )


def find(group: str) -> dict[str, Found]:
    """Every adapter of a group by name: our own first, then others' by name.

    Raises Problem ``adapter_named_twice`` when two packages use one name: money booked under it would be two
    parties'.
    """
    found = {name: Found(name=name, target=target) for name, target in BUILT_IN[group].items()}
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        package = point.dist.name if point.dist is not None else "?"
        if package == OURS:
            continue  # the same as in the table, or of an older installation
        each = Found(
            name=point.name,
            target=point.value,
            package=package,
            version=point.dist.version if point.dist is not None else "",
        )
        if NAME.fullmatch(point.name) is None:
            raise each.broken(
                "its name must be a small letter, then small letters, digits or hyphens, at most 31"
            )
        other = found.setdefault(point.name, each)
        if other is not each:
            raise Problem(
                "adapter_named_twice",
                Kind.INVALID,
                f"{point.name}: {other.package} and {package}",
                {"adapter": point.name},
            )
    return found


class Adapters:
    """The adapters of one installation. All of them stay the same objects for the process's life.

    `inner`: what our own adapters need of the house; no other package gets it.
    """

    def __init__(self, settings: Settings, http: Outbound, clock: Clock, inner: Inner | None = None) -> None:
        self._settings = settings
        self._http = http
        self._clock = clock
        self._inner = inner
        self._read: dict[tuple[str, str], tuple[Found, AdapterSettings]] = {}
        self.channels: dict[str, Channel] = self._make_all(CHANNELS)
        self.suppliers: dict[str, Supplier] = self._make_all(SUPPLIERS)
        self.banks: dict[str, Bank] = self._make_all(BANKS)
        self.anchors: dict[str, Anchor] = self._make_all(ANCHORS)

    def reread(self) -> list[str]:
        """Make anew each adapter whose key files changed; returns their names.

        The old one goes on answering the calls it has begun. A file that is half written, or wrong, leaves the
        adapter as it is and is tried again with the next change; the log names the setting, never its content.
        """
        anew = []
        for (group, name), (found, settings) in list(self._read.items()):
            if not settings.changed():
                continue
            try:
                made = self._make(group, found)
            except Problem as problem:
                log.warning(
                    "keys_not_taken", adapter=name, code=problem.code, setting=problem.params.get("setting")
                )
                continue
            if made is not None:
                live = {
                    CHANNELS: self.channels,
                    SUPPLIERS: self.suppliers,
                    BANKS: self.banks,
                    ANCHORS: self.anchors,
                }
                cast("dict[str, Any]", live[group])[name] = made
                anew.append(name)
                log.info("keys_taken", adapter=name)
        return anew

    def _make_all(self, group: str) -> dict[str, Any]:
        made = {name: self._make(group, found) for name, found in find(group).items()}
        return {name: adapter for name, adapter in made.items() if adapter is not None}

    def _make(self, group: str, found: Found) -> Any:
        settings = AdapterSettings(found.name, self._settings.adapters)
        given = Given(
            settings=settings,
            http=self._http,
            clock=self._clock,
            base_url=self._settings.base_url,
            hook_url=f"{self._settings.base_url}/hooks/{HOOKS[group]}/{found.name}",
            timeout_s=self._settings.call_timeout_s,
            inner=self._inner if found.package == OURS else None,
        )
        adapter = found.load(group)(given)
        if adapter is not None:
            if adapter.name != found.name:
                raise found.broken(f"calls itself {adapter.name!r}")
            self._read[group, found.name] = (found, settings)
        return adapter
