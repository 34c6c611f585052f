"""The life of one server: prepared once, started until it answers, ended by pid.

Invariants: ready means that the server answered on its own protocol; ports,
passwords and the socket folder are written down before the server starts, so the
next command finds them; preparing that was interrupted starts again from nothing;
one command at a time touches a server (a lock file). A server whose port was taken
meanwhile starts again on other ports, unless its port was promised to somebody.
Deliberately not here: what is special to one kind. See postgres, rabbitmq, mariadb,
seaweedfs.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import threading
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence

import ports
import process
from accounts import Account, account, private_file, private_folder
from console import Problem
from place import lock

_BUSY = re.compile(r"address (is )?already in use|eaddrinuse|address in use|port_already_used", re.IGNORECASE)
_BIND_TRIES = 5


class NotReady(Exception):
    """The server does not answer yet."""


class PortTaken(Exception):
    """Another process was faster at a port."""


class Server:
    """A server in the folder `root/name`. Each kind fills in the marked methods."""

    kind = ""
    system_user = "nobody"
    port_names: Sequence[str] = ("port",)
    secret_names: Sequence[str] = ()
    stop_signal = signal.SIGTERM
    force_signal = signal.SIGKILL
    stop_patience = 30.0
    start_patience = 90.0

    def __init__(self, root: Path, name: str, throwaway: bool = False, options: Sequence[str] = ()) -> None:
        self.root = root
        self.name = name
        self.folder = root / name
        self.data = self.folder / "data"
        self.conf = self.folder / "conf"
        self.log = root / "log" / f"{name}.log"
        self.settings = self._read()
        self.settings.setdefault("kind", self.kind)
        self.settings.setdefault("throwaway", throwaway)
        self.settings.setdefault("options", list(options))

    # What a kind fills in.

    def prepare(self) -> None:
        """Makes the data folder, once."""

    def command(self) -> List[str]:
        """The program and its arguments; never a secret among them."""
        raise NotImplementedError

    def environment(self) -> Dict[str, str]:
        """Its environment, beside PATH and LANG."""
        return {"HOME": str(self.conf)}

    def companions(self) -> None:
        """Starts what the server needs beside it."""

    def probe(self) -> None:
        """One question on the server's own protocol, or `NotReady`, or `PortTaken`."""
        raise NotImplementedError

    def provision(self) -> None:
        """Makes users and databases; runs at every start, so it repeats harmlessly."""

    def facts(self) -> Dict[str, Any]:
        """What the users of the server have to know."""
        return {}

    def alarm(self, on: bool) -> None:
        """Lets the server believe that it is short of memory, or not any more."""
        raise Problem(f"{self.name} has no alarm")

    def leftovers(self) -> List[Path]:
        """Files outside of its folders that a killed server leaves."""
        return []

    # What is the same for all.

    @property
    def owner(self) -> Account:
        """The system user that it runs as."""
        return account(self.system_user)

    @property
    def throwaway(self) -> bool:
        """Whether speed matters and the data does not."""
        return bool(self.settings["throwaway"])

    @property
    def port(self) -> int:
        """The port that its clients use."""
        return int(self.settings["ports"]["port"])

    @property
    def sockets(self) -> Path:
        """A folder with a short path for unix sockets."""
        return Path(self.settings["sockets"])

    def secret(self, name: str) -> str:
        """A password of this server."""
        return str(self.settings["secrets"][name])

    def running(self) -> Optional[process.Running]:
        """Its process, if it runs."""
        return process.recalled(self._pid_file)

    def start(self, cancelled: threading.Event, keep_port: bool = False) -> str:
        """Starts it and waits until it answers. Returns what was necessary."""
        with self._locked():
            self._check_owner()
            if self.running() is not None:
                try:
                    self._wait(cancelled, 20.0)
                    self.provision()
                    return "runs already"
                except (NotReady, PortTaken, Problem):
                    if cancelled.is_set():
                        raise
            self._end()
            for attempt in range(_BIND_TRIES):
                self._prepare_folders()
                self._choose_ports(attempt > 0, keep_port)
                if self._try_start(cancelled):
                    self.provision()
                    return "started"
            raise Problem(f"{self.name} found no port that stayed free", f"its log is {self.log}")

    def stop(self, force: bool = False) -> bool:
        """Ends the server, and nothing else. Returns whether it ran."""
        with self._locked():
            ran = self.running() is not None
            self._end(force)
            return ran

    def wipe(self) -> None:
        """Ends the server and removes its data; users and passwords stay the same."""
        with self._locked():
            self._end(force=True)
            self.settings.pop("prepared", None)
            self._write()
            shutil.rmtree(self.data, ignore_errors=True)

    # The parts.

    def _try_start(self, cancelled: threading.Event) -> bool:
        offset = self.log.stat().st_size if self.log.exists() else 0
        self.companions()
        running = process.launch(
            self.command(), self.environment(), self.folder, self.log, self.owner, self.conf
        )
        process.remember(self._pid_file, running)
        try:
            self._wait(cancelled, self.start_patience)
            return True
        except PortTaken:
            self._end(force=True)
            return False
        except NotReady as why:
            text = self._log_since(offset)
            died = not process.alive(running)
            self._end(force=True)
            if died and _BUSY.search(text):
                return False
            state = "ended while starting" if died else f"does not answer ({why})"
            tail = "\n  ".join(text.strip().splitlines()[-12:])
            raise Problem(f"{self.name} {state}; the end of {self.log}:", tail) from None

    def _wait(self, cancelled: threading.Event, patience: float) -> None:
        deadline = time.monotonic() + patience
        while True:
            if cancelled.is_set():
                raise Problem(f"{self.name}: stopped while starting")
            try:
                self.probe()
            except (NotReady, OSError) as why:
                reason = str(why)
            else:
                if self.running() is not None:
                    return
                reason = "another process answered"
            if self.running() is None or time.monotonic() > deadline:
                raise NotReady(reason)
            cancelled.wait(0.1)

    def _prepare_folders(self) -> None:
        self.folder.chmod(0o755)
        self._write()
        self.log.parent.mkdir(exist_ok=True)
        self.log.parent.chmod(0o700)
        private_folder(self.conf, self.owner)
        sockets = self.settings.get("sockets")
        if not sockets or not _is_private(Path(sockets), self.owner):
            # /tmp, since a unix socket's path has to stay under 100 bytes. Written down
            # before it is there, so that it is found again whenever this is killed.
            self.settings["sockets"] = f"/tmp/lss-{secrets.token_hex(6)}"
            self._write()
            self.sockets.mkdir(mode=0o700)
            private_folder(self.sockets, self.owner)
        stored = self.settings.setdefault("secrets", {})
        for name in self.secret_names:
            stored.setdefault(name, secrets.token_hex(16))
        self._write()
        if not self.settings.get("prepared"):
            if self.data.exists():
                shutil.rmtree(self.data)
            private_folder(self.data, self.owner)
            self.prepare()
            self.settings["prepared"] = True
            self._write()

    def _choose_ports(self, others: bool, keep: bool) -> None:
        chosen = self.settings.get("ports", {})
        complete = set(chosen) == set(self.port_names)
        if complete and keep:
            if others or not all(ports.is_free(port) for port in chosen.values()):
                raise Problem(f"a port of {self.name} was taken by another process: {chosen}")
        elif others or not complete or not all(ports.is_free(port) for port in chosen.values()):
            self.settings["ports"] = ports.free_ports(self.port_names)
            self._write()

    def _end(self, force: bool = False) -> None:
        first = self.force_signal if force else self.stop_signal
        process.end(self.running(), first, 5.0 if force else self.stop_patience)
        process.end_strays(self.folder)
        self._pid_file.unlink(missing_ok=True)
        for left in self.leftovers() if "ports" in self.settings else []:
            left.unlink(missing_ok=True)
        sockets = self.settings.pop("sockets", None)
        if sockets and Path(sockets).parent == Path("/tmp"):
            shutil.rmtree(sockets, ignore_errors=True)
        if self._file.exists():
            self._write()

    def _check_owner(self) -> None:
        owner = self.settings.setdefault("user", self.owner.name)
        if owner != self.owner.name:
            raise Problem(
                f"{self.name} was made by the user {owner!r}, now it would run as {self.owner.name!r}",
                "run this as the same user as before, or `make clean` as that user first",
            )

    def _log_since(self, offset: int) -> str:
        with open(self.log, errors="replace") as file:
            file.seek(offset)
            return file.read()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with lock(self.folder / "lock"):
            # Another command may have changed it since this object was made.
            self.settings.update(self._read())
            yield

    @property
    def _pid_file(self) -> Path:
        return self.folder / "pid.json"

    @property
    def _file(self) -> Path:
        return self.folder / "server.json"

    def _read(self) -> Dict[str, Any]:
        return process.recall(self._file)

    def _write(self) -> None:
        me = Account("", os.geteuid(), os.getegid(), switch=False)
        private_file(self._file, json.dumps(self.settings, indent=1), me)


def _is_private(folder: Path, owner: Account) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return folder.is_dir() and not folder.is_symlink() and found.st_uid == owner.uid
