"""Longshore's own processes in the local stack: one API, one scheduler, two workers.

Invariants: each gets only the settings that are its own (the private keys go to the
workers, the owner's URL to the migration); a process that runs with other settings or
an older program than now is replaced; ready means that its `/readyz` says so; it is
ended softly, by pid and start time. All passwords travel by the environment.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional

import build
import ports
import process
from accounts import Account
from console import Problem, say
from place import CLONE

API_PORT = 8080
_READY_WITHIN = 60.0
# A person may set these for `make up`; they reach every process that reads them.
_LOG = ("LONGSHORE_LOG", "LONGSHORE_LOG_FORMAT")
_TUNING = ("LONGSHORE_DATABASE_CONNECTIONS", "LONGSHORE_GRACE_SECONDS")
_WORKER_TUNING = ("LONGSHORE_WORKER_PERMITS", "LONGSHORE_CHUNK_ROWS", "LONGSHORE_CHUNK_BYTES")
_SCHEDULER_TUNING = ("LONGSHORE_SWEEP_SECONDS", "LONGSHORE_REANNOUNCE_SECONDS", "LONGSHORE_HISTORY_DAYS")
_LEASE = ("LONGSHORE_LEASE_SECONDS",)


@dataclass
class Member:
    """One process: its program, and its settings beside the ports."""

    name: str
    program: str
    settings: Dict[str, str]
    serves_api: bool = False
    ports: Dict[str, int] = field(default_factory=dict)

    def environment(self) -> Dict[str, str]:
        """Its whole environment."""
        found = {
            **self.settings,
            "HOME": str(Path.home()),
            "LONGSHORE_OPS_LISTEN": f"127.0.0.1:{self.ports['ops']}",
        }
        if self.serves_api:
            found["LONGSHORE_API_LISTEN"] = f"127.0.0.1:{self.ports['api']}"
        return found

    def fingerprint(self) -> str:
        """Changes with the program and with the settings."""
        found = build.program(self.program).stat()
        told = [found.st_ino, found.st_mtime_ns, found.st_size, sorted(self.settings.items())]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def members(state: Path, facts: Dict[str, Any]) -> List[Member]:
    """The processes of a stack whose servers are `facts`."""
    system = {
        "LONGSHORE_DATABASE_URL": facts["postgres_system_url"],
        "LONGSHORE_AMQP_URL": facts["amqp_url"],
        "LONGSHORE_S3_ENDPOINT": facts["s3_endpoint"],
        "LONGSHORE_S3_BUCKET": facts["s3_bucket"],
        "LONGSHORE_S3_ACCESS_KEY_ID": facts["s3_access_key"],
        "LONGSHORE_S3_SECRET_ACCESS_KEY": facts["s3_secret_key"],
        "LONGSHORE_PACKAGE_KEYS": str(state / "keys/packages.json"),
        **_given(*_LOG, *_TUNING),
    }
    public = {"LONGSHORE_PUBLIC_KEYS": str(state / "keys/public.json")}
    # A webhook's receiver that somebody tries is on this machine too.
    webhooks = {"LONGSHORE_WEBHOOK_PRIVATE_ALLOWED": "true", "LONGSHORE_WEBHOOK_HTTP_ALLOWED": "true"}
    # The sample databases are on this machine; a real fleet refuses that.
    addresses = {"LONGSHORE_LOOPBACK_ALLOWED": "true"}
    api = {
        **system,
        **public,
        **webhooks,
        **addresses,
        "LONGSHORE_DATABASE_URL": facts["postgres_api_url"],
        "LONGSHORE_SYSTEM_DATABASE_URL": facts["postgres_system_url"],
    }
    worker = {
        **system,
        **public,
        **webhooks,
        **addresses,
        **_given(*_WORKER_TUNING, *_LEASE),
        "LONGSHORE_PRIVATE_KEYS": str(state / "keys/private.json"),
    }
    scheduler = {**system, **_given(*_SCHEDULER_TUNING, *_LEASE), "LONGSHORE_SCHEDULER_NAME": "scheduler-1"}
    names = ("worker-1", "worker-2")
    workers = [Member(n, "longshore-worker", {**worker, "LONGSHORE_WORKER_NAME": n}) for n in names]
    return [
        Member("api", "longshore-api", api, serves_api=True),
        Member("scheduler", "longshore-scheduler", scheduler),
        *workers,
    ]


def prepare(state: Path, facts: Dict[str, Any]) -> None:
    """Keys, schema and the admin's token: made once, kept after."""
    keys = state / "keys"
    keys.mkdir(mode=0o700, exist_ok=True)
    public, private = keys / "public.json", keys / "private.json"
    fresh = not private.exists()
    _run("longshore-worker", ["keys", "--public", str(public), "--private", str(private)], {})
    if fresh:
        say(f"  keys             made: {public} seals customers' passwords, and only {private} opens them")
    _run("longshore-worker", ["package-keys", "--file", str(keys / "packages.json")], {})
    system = {"LONGSHORE_SYSTEM_DATABASE_URL": facts["postgres_system_url"]}
    owner = {"LONGSHORE_OWNER_DATABASE_URL": facts["postgres_owner_url"]}
    _run("longshore-api", ["migrate"], {**system, **owner})
    _run("longshore-api", ["admin-token", "--file", str(state / "admin-token")], system)


def start(state: Path, wanted: List[Member]) -> None:
    """Brings every process up, or leaves it alone if it is as it should be."""
    fresh = [member for member in wanted if not _is_as_wanted(state, member)]
    for member in fresh:
        end(state, member.name)
        _launch(state, member)
    for member in fresh:
        _await_ready(state, member)
        say(f"  {member.name:<16} started, {address(member)}")
    for member in wanted:
        if member not in fresh:
            say(f"  {member.name:<16} runs already, {address(member)}")


def address(member: Member) -> str:
    """Where it can be reached."""
    return f"127.0.0.1:{member.ports.get('api', member.ports['ops'])}"


def end(state: Path, name: str) -> bool:
    """Ends one process softly; it hands back its step first. Returns whether it ran."""
    path = record(state, name)
    running = process.recalled(path)
    grace = float(os.environ.get("LONGSHORE_GRACE_SECONDS") or 20)
    process.end(running, patience=grace + 10)
    process.end_strays(mark(state, name))
    path.unlink(missing_ok=True)
    return running is not None


def is_ready(port: int) -> Optional[str]:
    """Why the process behind this ops port is not ready, if it is not."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
            return None
    except urllib.error.HTTPError as why:
        return why.read().decode(errors="replace").strip() or f"status {why.code}"
    except (OSError, http.client.HTTPException) as why:
        return str(why)


def record(state: Path, name: str) -> Path:
    """Where a process is written down."""
    return state / "run" / f"{name}.json"


def _is_as_wanted(state: Path, member: Member) -> bool:
    path = record(state, member.name)
    known = process.recall(path)
    if process.recalled(path) is None or known.get("fingerprint") != member.fingerprint():
        return False
    member.ports = known["ports"]
    deadline = time.monotonic() + 10
    while is_ready(member.ports["ops"]) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _launch(state: Path, member: Member) -> None:
    member.ports = {"ops": ports.free_port()}
    if member.serves_api:
        member.ports["api"] = ports.first_free(API_PORT)
    path = record(state, member.name)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    told = log(state, member.name)
    me = Account("", os.geteuid(), os.getegid(), switch=False)
    command = [str(build.program(member.program))]
    running = process.launch(command, member.environment(), mark(state, member.name), told, me, CLONE)
    process.remember(path, running, fingerprint=member.fingerprint(), ports=member.ports)


def _await_ready(state: Path, member: Member) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    path = record(state, member.name)
    while True:
        reason = is_ready(member.ports["ops"])
        running = process.recalled(path)
        if running is not None and reason is None:
            return
        told = log(state, member.name)
        if running is None:
            if member.serves_api and not ports.is_free(member.ports["api"]):
                # Somebody was faster at the port.
                _launch(state, member)
                continue
            tail = "\n  ".join(told.read_text(errors="replace").strip().splitlines()[-12:])
            raise Problem(f"{member.name} ended while starting; the end of {told}:", tail)
        if time.monotonic() > deadline:
            raise Problem(
                f"{member.name} is not ready after {_READY_WITHIN:.0f} s: {reason}", f"its log is {told}"
            )
        time.sleep(0.1)


def _run(program: str, arguments: List[str], settings: Dict[str, str]) -> None:
    env = {"PATH": "/usr/bin:/bin", "HOME": str(Path.home()), **settings, **_given(*_LOG)}
    command = [str(build.program(program)), *arguments]
    done = subprocess.run(command, env=env, cwd=CLONE, capture_output=True, text=True)
    if done.returncode != 0:
        told = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise Problem(f"`{program} {arguments[0]}` failed:", told)


def _given(*names: str) -> Dict[str, str]:
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def log(state: Path, name: str) -> Path:
    """Where a process's output goes."""
    folder = state / "log"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{name}.log"


def mark(state: Path, name: str) -> Path:
    """What a process carries in its environment."""
    return state / "run" / name
