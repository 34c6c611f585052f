"""Servers that live no longer than the process that asked for them.

Invariants: whatever happens to the caller, its servers end: it closes our standard
input, asks with SIGTERM, or is killed, and we with it. Therefore two processes: the
front, which the caller knows, and the keeper in a session of its own, which does the
work and watches both the caller's pipe and the front.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, List, Optional, Sequence

import process
import servers
from console import Problem, say
from server import Server


def hold(wanted: Sequence[Server], remove: Optional[Path] = None) -> int:
    """Starts `wanted`, prints what they are as JSON, ends them when the caller goes."""
    front_alive, front = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    keeper = os.fork()
    if keeper != 0:
        os.close(front_alive)
        return _be_front(keeper, wanted, remove)
    os.setsid()
    os.close(front)
    code = 1
    try:
        # A terminal is nobody's pipe: there, SIGINT ends it.
        watched = [front_alive] if os.isatty(0) else [0, front_alive]
        code = _Keeper(wanted, remove, watched).run()
    except Problem as why:
        say(f"error: {why}")
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _be_front(keeper: int, wanted: Sequence[Server], remove: Optional[Path]) -> int:
    def forward(number: int, _frame: Any) -> None:
        try:
            os.kill(keeper, number)
        except ProcessLookupError:
            pass

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, forward)
    _, status = os.waitpid(keeper, 0)
    if os.WIFEXITED(status):
        return os.WEXITSTATUS(status)
    # The keeper itself was killed.
    _end(wanted, remove)
    return 1


class _Keeper:
    def __init__(self, wanted: Sequence[Server], remove: Optional[Path], watched: List[int]) -> None:
        self.wanted = wanted
        self.remove = remove
        self.watched = watched
        self.cancelled = threading.Event()
        self.alarm = os.pipe()

    def run(self) -> int:
        # Not the event itself: its lock may be held by the very code that the signal interrupts,
        # and servers outlived a keeper that waited for itself.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: os.write(self.alarm[1], b"!"))
        threading.Thread(target=self._watch, daemon=True).start()
        try:
            servers.start_all(self.wanted, self.cancelled)
            print(json.dumps(servers.facts(self.wanted)), flush=True)
            while not self.cancelled.wait(1.0):
                process.reap()
            return 0
        except (BrokenPipeError, Problem) as why:
            if not self.cancelled.is_set():
                say(f"error: {why}")
            return 1
        finally:
            _end(self.wanted, self.remove)

    def _watch(self) -> None:
        """Waits until one of the watched pipes is closed at its other end, or a signal comes."""
        while True:
            ready, _, _ = select.select([*self.watched, self.alarm[0]], [], [])
            if any(handle == self.alarm[0] or os.read(handle, 4096) == b"" for handle in ready):
                self.cancelled.set()
                return


def _end(wanted: Sequence[Server], remove: Optional[Path]) -> None:
    try:
        servers.stop_all(wanted, force=remove is not None)
    finally:
        if remove is not None:
            shutil.rmtree(remove, ignore_errors=True)
