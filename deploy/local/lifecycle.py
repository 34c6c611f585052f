"""`up`, `down`, `status`, `clean`: the local stack as a whole.

Invariants: one command at a time changes the stack; `up` asks what is there instead of
remembering what should be, so a killed predecessor or a half-started stack is just a
stack that lacks something; `down` ends what is written down here, and nothing else;
`.local/env` exists only while the stack runs.
"""

from __future__ import annotations

import os
import shlex
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence

import build
import fleet
import install
import place
import process
import servers
import watch
from accounts import Account, private_file
from console import Problem, say
from mariadb import MariaDb
from postgres import Postgres
from rabbitmq import RabbitMq
from seaweedfs import SeaweedFs
from server import Server

SOURCE, TARGET = "mariadb-source", "mariadb-target"
_PROCESSES = ("api", "scheduler", "worker-1", "worker-2")


class Stack:
    """A running stack: what everybody who uses it has to know."""

    def __init__(self, state: Path, facts: Dict[str, Any], members: List[fleet.Member]) -> None:
        self.state = state
        self.facts = facts
        self.api_url = next(f"http://{fleet.address(m)}" for m in members if m.serves_api)

    @property
    def token(self) -> str:
        """The admin's token."""
        return (self.state / "admin-token").read_text().strip()


def wanted_servers(state: Path) -> List[Server]:
    """The servers of the stack."""
    return [
        Postgres(state, "postgres"),
        RabbitMq(state, "rabbitmq"),
        SeaweedFs(state, "s3"),
        MariaDb(state, SOURCE),
        MariaDb(state, TARGET),
    ]


def start_servers(state: Path) -> List[Server]:
    """Starts the servers, under the stack's lock."""
    wanted = wanted_servers(state)
    with locked(state):
        servers.start_all(wanted, threading.Event())
    return wanted


def up(
    build_first: bool = True,
    with_servers: Optional[Callable[[List[Server]], None]] = None,
    watched: bool = False,
) -> Stack:
    """Starts what does not run, Prometheus if the stack is to be `watched`. The servers start while the build runs.

    `with_servers` is done as soon as the servers answer, still beside the build.
    """
    install.install(for_watch=watched)
    started = time.monotonic()
    state = place.state_folder()

    def start() -> List[Server]:
        wanted = start_servers(state)
        if with_servers is not None:
            with_servers(wanted)
        return wanted

    wanted = _beside(start, build.build if build_first else _check_built)
    with locked(state):
        facts = servers.facts(wanted)
        fleet.prepare(state, facts)
        members = fleet.members(state, facts)
        fleet.start(state, members)
        # Whoever started it wants it to follow the processes.
        if watched or process.recalled(fleet.record(state, watch.NAME)) is not None:
            watch.start(state, members)
        stack = Stack(state, facts, members)
        _write_env(stack, members)
    say(f"The stack is up ({time.monotonic() - started:.0f} s). API: {stack.api_url}")
    if watched:
        say(f"Prometheus: {watch.address(state)} (`make watch-check` asks it whether all is watched)")
    port = int(stack.api_url.rpartition(":")[2])
    if port != fleet.API_PORT:
        say(f"Port {fleet.API_PORT} is taken by another process, so the API listens on port {port}.")
    return stack


def _check_built() -> None:
    if not build.are_there():
        raise Problem("Longshore is not built yet", "leave out --no-build")


def _beside(start: Callable[[], List[Server]], meanwhile: Callable[[], None]) -> List[Server]:
    """Does both at once; both come to rest before a failure is told."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        starting = pool.submit(start)
        meanwhile()
    return starting.result()


def down() -> None:
    """Ends the stack: Longshore's processes softly, then the servers. The data stays."""
    state = place.existing_state()
    if state is None:
        say("There is no stack in this clone.")
        return
    with locked(state):
        (state / "env").unlink(missing_ok=True)
        ended = _end_processes(state)
        known = servers.known(state)
        running = [server for server in known if server.running() is not None]
        servers.stop_all(known)
    if not ended and not running:
        say("Nothing was running.")
    else:
        say("The stack is down; its data stays in .local (`make clean` removes it).")


def _end_processes(state: Path) -> List[str]:
    ended: List[str] = []

    def end(name: str) -> None:
        if fleet.end(state, name):
            ended.append(name)
            say(f"  {name:<16} stopped")

    servers.at_once((*_PROCESSES, watch.NAME), end)
    return ended


def status() -> int:
    """Prints what runs. Exit code 0 if everything does, 3 if something does not."""
    state = place.existing_state()
    if state is None:
        say("There is no stack in this clone; `make up` starts one.")
        return 3
    rows, complete = [], True
    for server in wanted_servers(state):
        running = server.running()
        complete &= running is not None
        rows.append((server.name, running, f"127.0.0.1:{server.port}" if running else ""))
    for name in _PROCESSES:
        path = fleet.record(state, name)
        running = process.recalled(path)
        known = process.recall(path).get("ports", {})
        reason = fleet.is_ready(known["ops"]) if running else None
        complete &= running is not None and reason is None
        rows.append((name, running, _where(known, reason) if running else ""))
    # It is there for who wants it: without it the stack is complete.
    watching = process.recalled(fleet.record(state, watch.NAME))
    if watching is not None:
        rows.append((watch.NAME, watching, watch.address(state) or ""))
    say(f"{'name':<16} {'pid':>8}  address")
    for name, running, where in rows:
        say(f"{name:<16} {running.pid if running else '-':>8}  {where if running else 'not running'}")
    if complete:
        say("Settings for scripts: .local/env; the admin's token: .local/admin-token; logs: .local/log/")
    return 0 if complete else 3


def _where(known: Dict[str, int], reason: Optional[str]) -> str:
    api = f"http://127.0.0.1:{known['api']}, " if "api" in known else ""
    state = "" if reason is None else f" NOT READY: {reason}"
    return f"{api}metrics http://127.0.0.1:{known['ops']}/metrics{state}"


def clean() -> None:
    """Ends the stack and removes its data."""
    down()
    state = place.existing_state()
    if state is None:
        return
    if place.LINK.is_symlink():
        place.LINK.unlink()
    shutil.rmtree(state)
    say("Removed the stack's data.")


def locked(state: Path) -> Any:
    """The stack's lock."""
    return place.lock(state / "lock", "another command changes the stack; waiting for it")


def _write_env(stack: Stack, members: Sequence[fleet.Member]) -> None:
    facts = stack.facts
    source, target = facts["mariadb"]
    pids = {m.name: process.recall(fleet.record(stack.state, m.name))["pid"] for m in members}
    ops = {m.name: f"http://127.0.0.1:{m.ports['ops']}" for m in members}
    values = {
        "API_URL": stack.api_url,
        "ADMIN_TOKEN_FILE": str(stack.state / "admin-token"),
        "POSTGRES_URL": facts["postgres_system_url"],
        "AMQP_URL": facts["amqp_url"],
        "S3_ENDPOINT": facts["s3_endpoint"],
        "S3_BUCKET": facts["s3_bucket"],
        "S3_ACCESS_KEY": facts["s3_access_key"],
        "S3_SECRET_KEY": facts["s3_secret_key"],
        "SOURCE_URL": source["url"],
        "TARGET_URL": target["url"],
        **{
            f"{side}_{key.upper()}": str(server[key])
            for side, server in (("SOURCE", source), ("TARGET", target))
            for key in ("host", "port", "database", "username", "password", "socket")
        },
        "WORKER_PIDS": " ".join(str(pid) for name, pid in pids.items() if name.startswith("worker-")),
        "API_PID": str(pids["api"]),
        "SCHEDULER_PID": str(pids["scheduler"]),
        "API_OPS_URL": ops["api"],
        "SCHEDULER_OPS_URL": ops["scheduler"],
        "WORKER_OPS_URLS": " ".join(url for name, url in ops.items() if name.startswith("worker-")),
    }
    text = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
    me = Account("", os.geteuid(), os.getegid(), switch=False)
    private_file(stack.state / "env", text, me)
