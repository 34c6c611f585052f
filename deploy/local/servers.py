"""The servers of one state folder: named, started together, ended together.

Invariants: servers do not depend on each other, so they start and stop at once; the
first failure is reported after all have come to rest, never in the middle.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, Type

import process
from console import Problem, say
from mariadb import MariaDb
from mariadb11 import MariaDb11
from mysql import MySql9, MySql57
from postgres import Postgres
from rabbitmq import RabbitMq
from seaweedfs import SeaweedFs
from server import Server

KINDS: Dict[str, Type[Server]] = {
    kind.kind: kind for kind in (Postgres, RabbitMq, SeaweedFs, MariaDb, MariaDb11, MySql57, MySql9)
}


def planned(root: Path, wanted: str, throwaway: bool, options: Dict[str, List[str]]) -> List[Server]:
    """The servers that a list like `postgres,rabbitmq,mariadb:2,s3` means."""
    found: List[Server] = []
    for part in filter(None, wanted.split(",")):
        kind, _, count = part.partition(":")
        if kind not in KINDS or not (count or "1").isdigit():
            raise Problem(f"no such server: {part!r}", f"known: {', '.join(KINDS)}, each with :N for several")
        names = [f"{kind}-{n + 1}" for n in range(int(count))] if count else [kind]
        found += [KINDS[kind](root, name, throwaway, options.pop(name, ())) for name in names]
    if options:
        raise Problem(f"options for a server that is not started: {', '.join(options)}")
    return found


def known(root: Path) -> List[Server]:
    """Every server that the state folder knows, running or not."""
    return [_open(path.parent) for path in sorted(root.glob("*/server.json"))]


def named(root: Path, name: str) -> Server:
    """The server `name` of the state folder."""
    if not (root / name / "server.json").exists():
        there = ", ".join(server.name for server in known(root)) or "none"
        raise Problem(f"there is no server {name!r} in {root}", f"there: {there}")
    return _open(root / name)


def _open(folder: Path) -> Server:
    kind = process.recall(folder / "server.json").get("kind")
    if kind not in KINDS:
        raise Problem(f"{folder}/server.json is damaged", "remove that folder")
    return KINDS[kind](folder.parent, folder.name)


def start_all(wanted: Sequence[Server], cancelled: threading.Event) -> None:
    """Starts them at once; fails with the first failure once all have come to rest."""

    def start(server: Server) -> None:
        how = server.start(cancelled)
        say(f"  {server.name:<16} {how}, 127.0.0.1:{server.port}")

    at_once(wanted, start)


def stop_all(wanted: Sequence[Server], force: bool = False) -> None:
    """Ends them at once."""

    def stop(server: Server) -> None:
        if server.stop(force) and not force:
            say(f"  {server.name:<16} stopped")

    at_once(wanted, stop)


def facts(wanted: Sequence[Server]) -> Dict[str, Any]:
    """Addresses, users and pids, as one JSON object."""
    answer: Dict[str, Any] = {"state": str(wanted[0].root) if wanted else None, "servers": {}, "mariadb": []}
    for server in wanted:
        running = server.running()
        answer["servers"][server.name] = {
            "kind": server.kind,
            "pid": running.pid if running else None,
            "port": server.port,
            "log": str(server.log),
        }
        if isinstance(server, MariaDb):
            answer["mariadb"].append(server.facts())
        else:
            answer.update(server.facts())
    return answer


def at_once(wanted: Sequence[Any], what: Callable[[Any], None]) -> None:
    """Does `what` with all of them at once; the first failure is raised at the end."""
    with ThreadPoolExecutor(max_workers=max(len(wanted), 1)) as pool:
        running = [pool.submit(what, server) for server in wanted]
    failures = [why for why in (future.exception() for future in running) if why is not None]
    for failure in failures[1:]:
        say(str(failure))
    if failures:
        raise failures[0]
