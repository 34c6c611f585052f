"""Where the stack's state lies, and the locks that keep two commands apart.

Invariants: `.local` in the clone always leads to the state. It is a symbolic link
to a folder under /var/lib when servers have to run as system users that cannot
reach the clone (a clone below /root, say). Every user may pass through the state
folder, what is secret in it carries its own mode.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Iterator, Optional

from accounts import account, can_reach
from console import Problem, say

CLONE = Path(__file__).resolve().parents[2]
LINK = CLONE / ".local"


def state_folder() -> Path:
    """The folder of this clone's stack, made if it is not there."""
    if LINK.is_symlink():
        target = Path(os.path.realpath(LINK))
        _open_folder(target)
        return target
    if LINK.exists() and not os.access(LINK, os.W_OK):
        raise Problem(
            f"{LINK} belongs to another user",
            "run this as the user who made it, or remove it",
        )
    if can_reach(CLONE, account("nobody")):
        _open_folder(LINK)
        return LINK
    return _link_elsewhere()


def _link_elsewhere() -> Path:
    mark = hashlib.sha256(str(CLONE).encode()).hexdigest()[:12]
    target = Path("/var/lib") / f"longshore-{mark}"
    if LINK.exists():
        if any(LINK.glob("*/server.json")):
            raise Problem(
                f"{LINK} holds servers that were started by somebody who is not root",
                "end them as that user (`make clean`), or move the clone to where all users can reach it",
            )
        shutil.rmtree(LINK)
    _open_folder(target)
    LINK.symlink_to(target)
    return target


def _open_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except PermissionError:
        raise Problem(f"{path} cannot be made by this user", "clone to a folder of your own") from None
    if path.stat().st_uid == os.geteuid():
        path.chmod(0o755)


def existing_state() -> Optional[Path]:
    """The state folder if there is one; looking makes nothing."""
    return Path(os.path.realpath(LINK)) if LINK.exists() else None


def throwaway_folder() -> Path:
    """A fresh folder that any server's user can reach."""
    for parent in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        if can_reach(Path(parent), account("nobody")):
            folder = Path(tempfile.mkdtemp(prefix="longshore-", dir=parent))
            folder.chmod(0o755)
            return folder
    raise Problem("no temporary folder can be reached by the servers' users", "set TMPDIR to one")


@contextlib.contextmanager
def lock(path: Path, waiting: Optional[str] = None) -> Iterator[None]:
    """Holds the lock file `path`, for as long as this process lives at most."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting:
                say(waiting)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
