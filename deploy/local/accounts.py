"""Under which system user a server runs, and what that user can reach.

Invariants: no server ever runs as root; started by anybody else, everything runs
as that person. A folder made here has its owner and mode from the first moment on.
Deliberately not here: creating users. The Debian packages bring theirs.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict

from console import Problem


@dataclass(frozen=True)
class Account:
    """A system user, and whether starting its processes means switching to it."""

    name: str
    uid: int
    gid: int
    switch: bool

    def identity(self) -> Dict[str, Any]:
        """The arguments by which `subprocess` starts a process as this user."""
        if not self.switch:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def account(preferred: str) -> Account:
    """The user for a server: `preferred` when root asks, else the caller."""
    if os.geteuid() != 0:
        me = pwd.getpwuid(os.geteuid())
        return Account(me.pw_name, me.pw_uid, me.pw_gid, switch=False)
    try:
        entry = pwd.getpwnam(preferred)
    except KeyError:
        raise Problem(
            f"the system user {preferred!r} does not exist",
            "it comes with the server's Debian package; is that installed?",
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switch=True)


def private_folder(path: Path, owner: Account) -> Path:
    """Makes `path` a folder that only `owner` may enter."""
    if path.is_symlink():
        raise Problem(f"{path} is a symbolic link; it has to be a folder of the stack's own")
    path.mkdir(mode=0o700, exist_ok=True)
    if owner.switch:
        os.chown(path, owner.uid, owner.gid)
    path.chmod(0o700)
    return path


def private_file(path: Path, content: str, owner: Account) -> Path:
    """Writes `content` to a file that only `owner` may read, replacing it whole."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        if owner.switch:
            os.fchown(file.fileno(), owner.uid, owner.gid)
        file.write(content)
    os.replace(fresh, path)
    return path


def can_reach(path: Path, owner: Account) -> bool:
    """Whether `owner` can pass through every folder down to `path`."""
    if not owner.switch:
        return os.access(path, os.X_OK)
    probe = [shutil.which("test") or "/usr/bin/test", "-x", str(path)]
    return subprocess.run(probe, cwd="/", **owner.identity()).returncode == 0
