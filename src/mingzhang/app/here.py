"""Which installation a command means: the environment's, or the demo that runs in this folder."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from mingzhang.app.demo import ENV_FILE
from mingzhang.app.settings import Settings


def settings_here() -> Settings:
    """Its settings. Raises Problem `settings_invalid`."""
    kept = Path(".data/demo") / ENV_FILE
    environ = dict(os.environ)
    if "MINGZHANG_DATABASE_URL" not in environ and "DATABASE_URL" not in environ and kept.exists():
        environ |= msgspec.json.decode(kept.read_bytes(), type=dict[str, str])
    return Settings.from_env(environ)
