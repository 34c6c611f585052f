"""What the local stack says to the person at the terminal.

Invariants: an expected failure is a `Problem` (a sentence, and what to do about
it), never a stack trace; progress goes to one stream, so that a command whose
standard output is data (JSON, SQL) can send its progress to standard error.
Deliberately not here: logging. The servers and processes have log files.
"""

from __future__ import annotations

import shutil
import sys
import threading
from typing import Optional, TextIO

_stream: TextIO = sys.stdout
_lock = threading.Lock()


class Problem(Exception):
    """A failure that a person can act on."""

    def __init__(self, message: str, hint: Optional[str] = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\n  {self.hint}"


def progress_to_stderr() -> None:
    """From now on standard output belongs to the command's data."""
    global _stream
    _stream = sys.stderr


def say(text: str = "") -> None:
    """One line of progress. A reader who went away is no reason to stop."""
    with _lock:
        try:
            print(text, file=_stream, flush=True)
        except (BrokenPipeError, ValueError):
            pass


def is_terminal() -> bool:
    """Whether somebody watches, so that a line may be drawn over."""
    return _stream.isatty()


def draw(text: str) -> None:
    """Draws over the current line of a terminal."""
    with _lock:
        # A line that wraps cannot be drawn over.
        _stream.write(f"\r\x1b[K{text[: shutil.get_terminal_size().columns - 1]}")
        _stream.flush()


def plural(count: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
