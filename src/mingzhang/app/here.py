"""Which installation a command means: the environment's, or the demo that runs in this folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from mingzhang.app.settings import Settings

ENV_FILE: Final = "env.json"
"""Where a running demo says in its folder how to reach it."""


def settings_here() -> Settings:
    """Its settings. Raises Problem `settings_invalid`."""
    kept = Path(".data/demo") / ENV_FILE
    environ = dict(os.environ)
    if "MINGZHANG_DATABASE_URL" not in environ and "DATABASE_URL" not in environ and kept.exists():
        environ |= msgspec.json.decode(kept.read_bytes(), type=dict[str, str])
    return Settings.from_env(environ)
