"""Builds Longshore's three programs and puts them into `.local/bin`.

Invariants: building and copying happen under one lock of the target folder, so two
clones that share it never get each other's programs; a program that runs is replaced
by renaming, never written into; one that did not change keeps its file.
"""

from __future__ import annotations

import hashlib
import os
import queue
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import IO, Dict, Optional, Sequence

from console import Problem, is_terminal, say
from install import check_rust
from place import CLONE, lock, state_folder

# What cargo says of one crate after the other.
_FREQUENT = ("Downloaded", "Downloading", "Fresh", "Adding")
PROGRAMS = ("longshore-api", "longshore-scheduler", "longshore-worker")


def target_folder() -> Path:
    """Where cargo builds: a folder for each clone, since cargo gives the same names to what two clones build."""
    mark = hashlib.sha256(f"{CLONE}\n".encode()).hexdigest()[:12]
    return Path(os.environ.get("CARGO_TARGET_DIR") or Path.home() / f".cache/longshore/target-{mark}")


def program(name: str) -> Path:
    """A program of this clone's last build."""
    return state_folder() / "bin" / name


def build() -> None:
    """Builds what changed; cargo's own output goes to the terminal."""
    cargo = check_rust()
    target = target_folder()
    # Everything, as the tests build it: for single packages cargo would choose other features of
    # the same crates, and compile them all once more.
    command = [cargo, "build", "--locked", "--workspace"]
    with lock(target / ".longshore-build.lock", "another build uses the same folder; waiting for it"):
        env = _environment(target)
        done = compile_here(command, env) if is_terminal() else compile_unseen(command, env, _crates(cargo, env))
        if done != 0:
            raise Problem("the build failed", "the compiler's messages are above")
        for name in PROGRAMS:
            _copy(target / "debug" / name, program(name))


def compile_here(command: Sequence[str], env: Dict[str, str]) -> int:
    """Runs cargo, which draws its own progress; answers how it ended."""
    return subprocess.run(command, cwd=CLONE, env=env).returncode


def compile_unseen(command: Sequence[str], env: Dict[str, str], crates: int, every: float = 60.0) -> int:
    """Runs cargo where nobody sees what it draws: one line each `every` seconds says how far it is, and
    what it says beside the names of crates goes on. Answers how it ended."""
    begun = told = time.monotonic()
    count = 0
    with subprocess.Popen(command, cwd=CLONE, env=env, stderr=subprocess.PIPE, text=True, errors="replace") as cargo:
        assert cargo.stderr is not None
        lines: "queue.Queue[Optional[str]]" = queue.Queue()
        reader = threading.Thread(target=_read, args=(cargo.stderr, lines), daemon=True)
        reader.start()
        while True:
            try:
                line = lines.get(timeout=max(told + every - time.monotonic(), 0.0))
            except queue.Empty:
                told = time.monotonic()
                minutes = (told - begun) / 60
                say(f"  building for {minutes:.0f} min: {min(count, crates)} of about {crates} crates begun")
                continue
            if line is None:
                break
            word = line.split(maxsplit=1)[0] if line else ""
            if word == "Compiling":
                count += 1
            elif word not in _FREQUENT:
                say(line)
        return cargo.wait()


def _read(stream: IO[str], lines: "queue.Queue[Optional[str]]") -> None:
    for line in stream:
        lines.put(line.rstrip())
    lines.put(None)


def _crates(cargo: str, env: Dict[str, str]) -> int:
    """How many crates a build from nothing compiles."""
    tree = [cargo, "tree", "--locked", "--workspace", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"]
    told = subprocess.run(tree, cwd=CLONE, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return len({line.removesuffix(" (*)") for line in told.stdout.splitlines() if line})


def was_built() -> bool:
    """Whether an earlier build left something that the next one can start from."""
    return all((target_folder() / "debug" / name).exists() for name in PROGRAMS)


def are_there() -> bool:
    """Whether this clone was built before."""
    return all(program(name).exists() for name in PROGRAMS)


def _environment(target: Path) -> Dict[str, str]:
    rust = str(Path.home() / ".cargo/bin")
    path = f"{os.environ.get('PATH', '')}:{rust}"
    return {**os.environ, "PATH": path, "CARGO_TARGET_DIR": str(target), "SQLX_OFFLINE": "true"}


def _copy(built: Path, kept: Path) -> None:
    kept.parent.mkdir(exist_ok=True)
    if kept.exists() and _same(built, kept):
        return
    fresh = kept.with_name(kept.name + ".new")
    shutil.copy2(built, fresh)
    os.replace(fresh, kept)


def _same(one: Path, other: Path) -> bool:
    """The copy carries the time of what it was copied from."""
    a, b = one.stat(), other.stat()
    return (a.st_size, a.st_mtime_ns) == (b.st_size, b.st_mtime_ns)
