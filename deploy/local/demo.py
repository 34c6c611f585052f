"""`make demo`: from a bare machine to a verified sync, and everything left running.

Invariants: whatever is there already is used (packages, build, servers, the shop, the
connections and the task), so a second run takes seconds; exit code 0 means that the job
itself verified every table as equal.
Deliberately not here: moving rows. The demo asks the API, as any client would.
"""

from __future__ import annotations

import datetime
import time
from pathlib import Path
from typing import Any, Dict, List

import build
import first_sync
import follow
import lifecycle
import process
import shop
import summary
from client import Api, Refusal
from console import Problem, plural, say
from mariadb import DATABASE, MariaDb
from place import CLONE
from server import Server

_FILLED = "shop.json"
_TEST_SECONDS = 60.0


def run(rows: int, seed: int, build_first: bool = True) -> int:
    """Runs the whole demo."""
    say("Longshore's demo: a sample shop is synced from one MariaDB server into another.")
    if build_first and not build.was_built():
        say("The first build takes about ten minutes on two cores, later ones take seconds.")
    stack = lifecycle.up(build_first, with_servers=lambda servers: fill(servers, rows, seed))
    api = Api(stack.api_url, stack.token)
    source, target = stack.facts["mariadb"]
    ends = [_connection(api, "shop source", source), _connection(api, "shop target", target)]
    for connection_id in ends:
        _test(api, connection_id)
    task = _task(api, *ends)
    job = _run_task(api, task["id"])
    say(f"\nSync task {task['name']!r}, job {job['id']}:")
    try:
        job = follow.follow(api, job["id"])
    except KeyboardInterrupt:
        raise Problem("left the job; it goes on", f"see GET {stack.api_url}/v1/jobs/{job['id']}") from None
    say()
    equal = summary.show(job, _seconds(job))
    _farewell(stack, api, task["id"])
    return 0 if equal else 1


def fill(servers: List[Server], rows: int, seed: int) -> None:
    """Fills the source with the sample shop, unless it holds tables already."""
    source = next(s for s in servers if isinstance(s, MariaDb) and s.name == lifecycle.SOURCE)
    mark = Path(source.folder) / _FILLED
    known = process.recall(mark)
    asked = f"SELECT count(*) FROM information_schema.tables WHERE table_schema = '{DATABASE}';"
    tables = int(source.sql(asked).stdout or 0)
    if tables and known.get("state") != "filling":
        say(f"  {'sample shop':<16} is there already ({plural(tables, 'table')}); kept as it is")
        return
    started = time.monotonic()
    mark.write_text('{"state": "filling"}')
    # What an interrupted run left would be neither empty nor a shop.
    source.sql(f"DROP DATABASE IF EXISTS `{DATABASE}`; CREATE DATABASE `{DATABASE}`;")
    _load(source, rows, seed)
    mark.write_text('{"state": "filled"}')
    say(f"  {'sample shop':<16} made, about {rows:,} rows in {time.monotonic() - started:.0f} s")


def _load(source: MariaDb, rows: int, seed: int) -> None:
    client = source.sql_stream()
    if client.stdin is None or client.stderr is None:
        raise AssertionError("both are pipes")
    try:
        with client.stdin as stream:
            for statement in shop.statements(rows, seed):
                stream.write(statement.encode())
    except BrokenPipeError:
        pass
    told = client.stderr.read().decode(errors="replace").strip()
    if client.wait() != 0:
        raise Problem("filling the sample shop failed:", told)


def _connection(api: Api, name: str, server: Dict[str, Any]) -> str:
    """The id of the connection to this server: the one of an earlier run, or a new one."""
    wanted = {"engine": "mariadb", **{key: server[key] for key in ("host", "port", "database", "username")}}
    taken = set()
    for known in api.items("/v1/connections"):
        taken.add(known["name"])
        if all(known.get(key) == value for key, value in wanted.items()):
            return str(known["id"])
    fresh = name if name not in taken else f"{name} (port {server['port']})"
    made = api.post("/v1/connections", {"name": fresh, "password": server["password"], **wanted})
    return str(made["id"])


def _test(api: Api, connection_id: str) -> None:
    """Tests the connection, unless its last test went well: tasks want tested ones."""
    if api.get(f"/v1/connections/{connection_id}").get("state") == "verified":
        return
    job = api.post(f"/v1/connections/{connection_id}/test", {})
    deadline = time.monotonic() + _TEST_SECONDS
    while job["state"] not in follow.ENDED:
        if time.monotonic() > deadline:
            raise Problem(f"the test of a connection, job {job['id']}, has not ended", "see `make status`")
        time.sleep(0.2)
        job = api.get(f"/v1/jobs/{job['id']}")
    if api.get(f"/v1/connections/{connection_id}").get("state") != "verified":
        raise Problem(
            "a connection to the demo's own servers does not pass its test",
            f"see GET {api.url}/v1/jobs/{job['id']}/examination",
        )


def _task(api: Api, source_id: str, target_id: str) -> Dict[str, Any]:
    """The sync task between them: the one of an earlier run, or a new one."""
    wanted = {
        "source_id": source_id,
        "target_id": target_id,
        "mode": "full",
        "policy": "source_first",
        # What only the target has goes, so that both are equal afterwards.
        "delete_extra": True,
        "keyless": "replace",
    }
    taken = set()
    for known in api.items("/v1/sync-tasks"):
        taken.add(known["name"])
        if all(known.get(key) == value for key, value in wanted.items()):
            return known
    name = "demo" if "demo" not in taken else f"demo {datetime.datetime.now():%Y-%m-%d %H:%M:%S}"
    made: Dict[str, Any] = api.post("/v1/sync-tasks", {"name": name, **wanted})
    return made


def _run_task(api: Api, task_id: str) -> Dict[str, Any]:
    path = f"/v1/sync-tasks/{task_id}/runs"
    try:
        job: Dict[str, Any] = api.post(path, {})
        return job
    except Refusal as why:
        if why.code != "run_in_progress":
            raise
    for job in api.items(path):
        if job["state"] not in follow.ENDED:
            say("A run of this task is under way already; following it.")
            return job
    return _run_task(api, task_id)


def _seconds(job: Dict[str, Any]) -> float:
    """How long the job took, from its request to its end."""
    if not job.get("ended_at"):
        return 0.0
    times = [datetime.datetime.fromisoformat(_plain(job[key])) for key in ("created_at", "ended_at")]
    return (times[1] - times[0]).total_seconds()


def _plain(moment: str) -> str:
    """Cut to what Python 3.9 reads: `2026-01-31T10:00:00`."""
    return (
        moment[:19]
        if "." not in moment
        else moment[:19] + "." + moment[20:].rstrip("Z").split("+")[0][:6].ljust(6, "0")
    )


def _farewell(stack: lifecycle.Stack, api: Api, task_id: str) -> None:
    url = stack.api_url
    say(f"\nThe stack goes on running. API: {url} (OpenAPI: {url}/openapi.json).")
    say("Change rows of the shop by hand and run `make demo` again. This reaches its two servers:")
    say("  . .local/env")
    for side in ("SOURCE", "TARGET"):
        say(
            f'  MYSQL_PWD="${side}_PASSWORD" mariadb -h "${side}_HOST" -P "${side}_PORT" -u "${side}_USERNAME" "${side}_DATABASE"'
        )
    say("\nA first sync of your own, to be pasted into bash:")
    taken = {known["name"] for path in ("/v1/connections", "/v1/sync-tasks") for known in api.items(path)}
    for line in first_sync.commands(str(CLONE), taken):
        say(f"  {line}")
    say("\nRun the shop's task once more the same way:")
    say(f"  api -d '{{}}' $API_URL/v1/sync-tasks/{task_id}/runs")
    say("make status: what runs.  make down: ends it.")
