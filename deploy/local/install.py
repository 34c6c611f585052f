"""Installs what the local stack and the tests need and this machine lacks.

Invariants: a machine that has everything is not touched, and no package list is
fetched for it; installing starts no service (policy-rc.d, there only meanwhile, and
only if the machine has none of its own); without the right to install, the missing
packages and the command are named and nothing is half done.
Deliberately not here: Rust. Which toolchain a person uses is theirs to decide.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Sequence

import releases
import postgres
import rabbitmq
from console import Problem, say
from place import lock
from tools import CARGO_DENY, CARGO_NEXTEST, SEAWEEDFS, Tool, pip_python

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_POLICY = Path("/usr/sbin/policy-rc.d")
_MARK = "made by Longshore's local stack"
_RUST = (1, 95)


def _has(*programs: str) -> bool:
    return all(shutil.which(program, path=_PATH) for program in programs)


# What proves that a Debian package is not needed (any more).
_PACKAGES: Dict[str, Callable[[], bool]] = {
    "build-essential": lambda: shutil.which("cc") is not None,
    "mariadb-client": lambda: _has("mariadb", "mariadb-dump"),
    "mariadb-server": lambda: _has("mariadbd", "mariadb-install-db"),
    "postgresql": lambda: postgres.program_folder() is not None,
    "rabbitmq-server": lambda: rabbitmq.SCRIPT.exists() and _has("erl", "epmd"),
}


# What `make up WATCH=1` needs beyond it; the tests need its judge of rules.
_WATCH_PACKAGES: Dict[str, Callable[[], bool]] = {
    "prometheus": lambda: _has("prometheus", "promtool"),
}


# What the tests need beyond it.
_TEST_PACKAGES: Dict[str, Callable[[], bool]] = {
    **_WATCH_PACKAGES,
    "faketime": lambda: _has("faketime"),
    "libpam-wrapper": lambda: any(Path("/usr/lib").glob("*/pam_wrapper/pam_matrix.so")),
    "openssh-server": lambda: _has("sshd", "ssh-keygen"),
}


# The peers that `make bench` measures beside ours.
_BENCH_PACKAGES: Dict[str, Callable[[], bool]] = {
    "mydumper": lambda: _has("mydumper", "myloader"),
    "percona-toolkit": lambda: _has("pt-table-sync"),
}


def missing_packages(tools: Sequence[Tool], beyond: Dict[str, Callable[[], bool]]) -> List[str]:
    """The Debian packages that this machine lacks, of those that everybody needs and of those beyond."""
    missing = [name for name, is_there in {**_PACKAGES, **beyond}.items() if not is_there()]
    if not all(tool.is_there() for tool in tools) and pip_python() is None:
        missing.append("python3-pip")
    return sorted(missing)


def install(for_tests: bool = False, for_bench: bool = False, for_watch: bool = False) -> None:
    """Brings the machine to where the stack builds and runs and, if asked, tests, bench and Prometheus."""
    tools = [SEAWEEDFS]
    if for_tests:
        tools.append(CARGO_DENY)
        if cargo_program("cargo-nextest") is None:
            tools.append(CARGO_NEXTEST)
    beyond = {
        **(_TEST_PACKAGES if for_tests else {}),
        **(_BENCH_PACKAGES if for_bench else {}),
        **(_WATCH_PACKAGES if for_watch else {}),
    }
    _bring(tools, beyond)
    if for_tests:
        releases.fetch()
    check_rust()


def install_servers() -> None:
    """Brings the machine to where the servers run; enough for who builds elsewhere."""
    _bring([SEAWEEDFS], {})


def _bring(tools: Sequence[Tool], beyond: Dict[str, Callable[[], bool]]) -> None:
    missing = missing_packages(tools, beyond)
    if missing:
        _install_packages(missing)
    still = missing_packages(tools, beyond)
    if still:
        raise Problem(f"still missing after the installation: {' '.join(still)}")
    for tool in tools:
        tool.fetch()


def check_rust() -> str:
    """The path of a cargo that is new enough."""
    cargo = cargo_program("cargo")
    wanted = ".".join(map(str, _RUST))
    hint = f"install Rust {wanted} or newer with rustup (Debian's package is too old), then run this again"
    if cargo is None:
        raise Problem("cargo, the Rust build tool, is missing", hint)
    told = subprocess.run([cargo, "--version"], capture_output=True, text=True).stdout.strip()
    found = re.match(r"cargo (\d+)\.(\d+)", told)
    if not found or (int(found[1]), int(found[2])) < _RUST:
        raise Problem(f"Rust is too old: {told or 'cargo does not tell its version'}", hint)
    return cargo


def cargo_program(name: str) -> Optional[str]:
    """A program of the Rust toolchain, also when only rustup's own folder has it."""
    return shutil.which(name) or shutil.which(name, path=str(Path.home() / ".cargo/bin"))


def _install_packages(missing: Sequence[str]) -> None:
    names = " ".join(missing)
    if shutil.which("apt-get") is None:
        raise Problem(
            f"missing, and this machine has no apt-get to install them with: {names}",
            "these are the names of Debian's packages; install what they are called here",
        )
    if os.geteuid() != 0:
        raise Problem(
            f"missing Debian packages: {names}",
            f"install them with: sudo apt-get update && sudo apt-get install --no-install-recommends {names}",
        )
    with lock(Path("/var/cache/longshore/install.lock"), "another installation runs; waiting for it"):
        proofs = {**_PACKAGES, **_TEST_PACKAGES, **_BENCH_PACKAGES}
        missing = [name for name in missing if not proofs.get(name, lambda: False)()]
        if not missing:
            return
        say(f"installing Debian packages: {' '.join(missing)}")
        with _no_service_starts():
            # One unreachable source among several is no reason to give up.
            _apt(["update", "-q"], needed=False)
            _apt(["install", "-q", "-y", "--no-install-recommends", *missing])


def _apt(arguments: Sequence[str], needed: bool = True) -> None:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "PATH": _PATH, "LC_ALL": "C.UTF-8"}
    command = ["apt-get", "-o", "DPkg::Lock::Timeout=300", *arguments]
    with tempfile.TemporaryFile("w+") as log:
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if done.returncode != 0 and needed:
            log.seek(0)
            tail = "\n  ".join(log.read().strip().splitlines()[-15:])
            raise Problem(f"`{' '.join(command)}` failed:", tail)


@contextlib.contextmanager
def _no_service_starts() -> Iterator[None]:
    """Packages ask this file whether to start their service: 101 means no."""
    if _POLICY.exists() and _MARK not in _POLICY.read_text(errors="replace"):
        yield
        return
    _POLICY.write_text(f"#!/bin/sh\n# {_MARK}, only while it installs packages\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)
