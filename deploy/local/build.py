"""Builds Longshore's three programs and puts them into `.local/bin`.

Invariants: building and copying happen under one lock of the target folder, so two
clones that share it never get each other's programs; a program that runs is replaced
by renaming, never written into; one that did not change keeps its file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Dict

from console import Problem
from install import check_rust
from place import CLONE, lock, state_folder

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
        if subprocess.run(command, cwd=CLONE, env=_environment(target)).returncode != 0:
            raise Problem("the build failed", "the compiler's messages are above")
        for name in PROGRAMS:
            _copy(target / "debug" / name, program(name))


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
