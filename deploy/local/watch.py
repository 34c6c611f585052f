"""Prometheus beside the local stack, with the alerts that are shipped, and what it is asked to prove.

Invariants: it runs the very configuration and rules of deploy/prometheus (a copy beside its data), and is
told only where this stack's processes are; it is ended like every other process of the stack. Deliberately
not here: Grafana, which no package registry has.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import fleet
import ports
import process
from accounts import Account
from console import Problem, say
from place import CLONE

NAME = "prometheus"
_SHIPPED = CLONE / "deploy" / "prometheus"
_DASHBOARDS = CLONE / "deploy" / "grafana" / "dashboards"
_READY_WITHIN = 60.0
# How long a target may take to be found and scraped.
_UP_WITHIN = 60.0


def start(state: Path, members: Sequence[fleet.Member]) -> None:
    """Starts it, or tells the one that runs where the processes are now."""
    folder = state / NAME
    _settle(folder, members)
    path = fleet.record(state, NAME)
    running = process.recalled(path)
    if running is not None:
        os.kill(running.pid, signal.SIGHUP)
        say(f"  {NAME:<16} runs already, {address(state)}")
        return
    program = shutil.which("prometheus", path="/usr/local/bin:/usr/bin:/bin")
    if program is None:
        raise Problem("prometheus is missing", "install the Debian package prometheus")
    port = ports.free_port()
    command = [program, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=7d"]
    me = Account("", os.geteuid(), os.getegid(), switch=False)
    launched = process.launch(command, {}, fleet.mark(state, NAME), fleet.log(state, NAME), me, folder)
    process.remember(path, launched, ports={"web": port})
    _await_ready(state)
    say(f"  {NAME:<16} started, {address(state)}")


def address(state: Path) -> Optional[str]:
    """Its address, if it was started."""
    known = process.recall(fleet.record(state, NAME)).get("ports", {})
    return f"http://127.0.0.1:{known['web']}" if "web" in known else None


def check(state: Path) -> None:
    """Asks it that all targets are up, and every expression of rules and dashboards."""
    if process.recalled(fleet.record(state, NAME)) is None:
        raise Problem("Prometheus does not run beside this stack", "start it with: make up WATCH=1")
    url = address(state)
    assert url is not None
    targets = _await_targets(url)
    say(f"{len(targets)} targets are up: {', '.join(sorted(targets))}")
    wrong, asked, silent = [], 0, []
    for place, query in _queries(url):
        asked += 1
        answer = _ask(url, "query", query=query)
        if answer["status"] != "success":
            wrong.append(f"{place}: {answer.get('error')}: {query}")
        elif not answer["data"]["result"]:
            silent.append(place)
    if wrong:
        raise Problem("expressions that Prometheus does not answer:", "\n  ".join(wrong))
    say(f"{asked} expressions of rules and dashboards answer without an error.")
    if silent:
        say(f"{len(silent)} of them find nothing now, as alerts that do not stand and what has not happened yet.")
    firing = [a["labels"]["alertname"] for a in _ask(url, "alerts")["data"]["alerts"] if a["state"] == "firing"]
    say(f"Alerts that fire: {', '.join(sorted(set(firing))) or 'none'}.")


def _settle(folder: Path, members: Sequence[fleet.Member]) -> None:
    folder.mkdir(mode=0o755, exist_ok=True)
    shutil.copy2(_SHIPPED / "prometheus.yml", folder)
    shutil.rmtree(folder / "rules", ignore_errors=True)
    shutil.copytree(_SHIPPED / "rules", folder / "rules")
    targets = folder / "targets"
    targets.mkdir(exist_ok=True)
    for program in ("api", "worker", "scheduler"):
        # By its name a process that starts again on another port is the same instance.
        own = [
            {"targets": [f"127.0.0.1:{m.ports['ops']}"], "labels": {"instance": m.name}}
            for m in members
            if m.program == f"longshore-{program}"
        ]
        fresh = targets / f"{program}.json.new"
        fresh.write_text(json.dumps(own))
        os.replace(fresh, targets / f"{program}.json")


def _await_ready(state: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    while True:
        try:
            with urllib.request.urlopen(f"{address(state)}/-/ready", timeout=5):
                return
        except OSError as why:
            log = fleet.log(state, NAME)
            if process.recalled(fleet.record(state, NAME)) is None:
                tail = "\n  ".join(log.read_text(errors="replace").strip().splitlines()[-12:])
                raise Problem(f"Prometheus ended while starting; the end of {log}:", tail) from None
            if time.monotonic() > deadline:
                raise Problem(f"Prometheus is not ready: {why}", f"its log is {log}") from None
        time.sleep(0.1)


def _await_targets(url: str) -> List[str]:
    deadline = time.monotonic() + _UP_WITHIN
    while True:
        found = _ask(url, "targets")["data"]["activeTargets"]
        jobs = {target["labels"]["job"] for target in found}
        down = [f"{t['labels']['job']} {t['scrapeUrl']}: {t['lastError'] or t['health']}" for t in found if t["health"] != "up"]
        if len(jobs) == 3 and not down:
            return [f"{t['labels']['job']} {t['labels']['instance']}" for t in found]
        if time.monotonic() > deadline:
            lacking = "\n  ".join(down) or f"only these programs have targets: {', '.join(sorted(jobs))}"
            raise Problem("not all targets are up:", lacking)
        time.sleep(0.5)


def _queries(url: str) -> Iterator[Tuple[str, str]]:
    """Every expression, with where it stands; what Prometheus says of its own evaluation of a rule comes first."""
    for group in _ask(url, "rules")["data"]["groups"]:
        for rule in group["rules"]:
            if rule["health"] == "err":
                raise Problem(f"the rule {rule['name']} fails: {rule['lastError']}")
            yield rule["name"], rule["query"]
    for path in sorted(_DASHBOARDS.glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                yield f"{path.stem}: {panel['title']}", target["expr"].replace("$__rate_interval", "1m")


def _ask(url: str, what: str, **values: str) -> Dict[str, Any]:
    query = urllib.parse.urlencode(values)
    try:
        with urllib.request.urlopen(f"{url}/api/v1/{what}?{query}", timeout=30) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as why:
        try:
            return dict(json.load(why))
        except ValueError:
            raise Problem(f"Prometheus answers {why.code} to {what}") from None
    except OSError as why:
        raise Problem(f"Prometheus does not answer: {why}") from None
