"""A program run as a buyer would without the shop: Python's own library alone, no network where it can be cut."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path


def run_alone(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A script of the folder with its arguments, in that folder: no site packages, no environment, no network."""
    whole = [sys.executable, "-I", "-S", *command]
    cut = shutil.which("unshare")
    if cut and subprocess.run([cut, "-rn", "true"], capture_output=True, check=False).returncode == 0:
        whole = [cut, "-rn", *whole]
    return subprocess.run(whole, cwd=folder, capture_output=True, text=True, check=False)
