"""`mingzhang migrate`."""

from __future__ import annotations

import asyncio

from rich.console import Console

from mingzhang.app.here import settings_here
from mingzhang.kit.migrations import migrate as run_migrations

out = Console()


def migrate() -> None:
    """Bring the database up to date."""
    ran = asyncio.run(run_migrations(settings_here().database_url))
    out.print("\n".join(ran) if ran else "up to date")
