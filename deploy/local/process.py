"""Starts processes that outlive this one, knows them again, and ends only those.

Invariants: a process is known by pid, start time and boot, so a recycled pid is
never signalled; signals go through a pidfd, so not even between the check and the
signal. Every process carries its folder in its environment (`MARK`): what a killed
predecessor started and had no time to write down is found by that, and its
children with it. Nothing is ever ended by name.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from accounts import Account
from console import Problem

MARK = "LOCAL_STACK_FOLDER"
_children: List["subprocess.Popen[bytes]"] = []
_lock = threading.Lock()


@dataclass(frozen=True)
class Running:
    """One process, not just its pid."""

    pid: int
    started: str
    boot: str


def find(pid: int) -> Optional[Running]:
    """The process that has this pid now; a zombie is none."""
    try:
        fields = _stat(pid)
    except OSError:
        return None
    return None if fields[0] in "ZX" else Running(pid, fields[19], _boot())


def alive(running: Optional[Running]) -> bool:
    """Whether exactly this process still runs."""
    return running is not None and find(running.pid) == running


def launch(
    argv: Sequence[str], env: Dict[str, str], folder: Path, log: Path, owner: Account, cwd: Path
) -> Running:
    """Starts a process in a session of its own; its output is added to `log`."""
    settings = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", **env}
    with open(log, "ab") as output:
        child = subprocess.Popen(
            list(argv),
            env={**settings, MARK: str(folder)},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
            **owner.identity(),
        )
    with _lock:
        _children.append(child)
    # It may have ended already; as nobody reaped it, its entry is still there.
    return Running(child.pid, _stat(child.pid)[19], _boot())


def reap() -> None:
    """Takes note of children that have ended, so that they do not stay zombies."""
    with _lock:
        _children[:] = [child for child in _children if child.poll() is None]


def end(running: Optional[Running], soft: signal.Signals = signal.SIGTERM, patience: float = 20.0) -> None:
    """Ends the process: `soft` first, after `patience` seconds by force. Ends nothing else."""
    if running is None:
        return
    try:
        handle = os.pidfd_open(running.pid)
    except ProcessLookupError:
        return
    try:
        if not alive(running):
            return
        signal.pidfd_send_signal(handle, soft)
        if not _gone(handle, patience):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            _gone(handle, 10.0)
    except ProcessLookupError:
        pass
    except PermissionError:
        raise Problem(f"process {running.pid} belongs to another user", "stop it as that user") from None
    finally:
        os.close(handle)
        reap()


def end_strays(folder: Path) -> None:
    """Ends by force whatever still runs with `folder` as its mark."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = _marked(folder)
        if not found:
            return
        for stray in found:
            end(stray, signal.SIGKILL)


def _marked(folder: Path) -> List[Running]:
    mark = f"{MARK}={folder}".encode()
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        running = find(int(entry))
        try:
            environment = Path(f"/proc/{entry}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if running is not None and mark in environment:
            found.append(running)
    return found


def remember(path: Path, running: Running, **more: Any) -> None:
    """Writes the process down, whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps({**vars(running), **more}))
    os.replace(fresh, path)


def recall(path: Path) -> Dict[str, Any]:
    """What was written down; a missing or broken file is an empty answer."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def recalled(path: Path) -> Optional[Running]:
    """The process that was written down, if it still runs."""
    content = recall(path)
    try:
        running = Running(int(content["pid"]), str(content["started"]), str(content["boot"]))
    except (KeyError, TypeError, ValueError):
        return None
    return running if alive(running) else None


def _gone(handle: int, patience: float) -> bool:
    watch = select.poll()
    watch.register(handle, select.POLLIN)
    return bool(watch.poll(patience * 1000))


def _stat(pid: int) -> List[str]:
    # The command's name is in parentheses and may hold anything, blanks too.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
