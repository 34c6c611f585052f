"""The local stack's command line. `make` calls it; so do the tests.

    stack.py demo | up [--watch] | down | status | clean | build | watch-check | install [--tests] [--bench] | has KIND | tool NAME
    stack.py servers --only postgres,rabbitmq,mariadb:2,s3 [--throwaway] [--hold] [--json]
    stack.py server start|stop|kill|wipe|alarm|calm|status NAME --state DIR

Invariants: an expected failure is one sentence and exit code 1, never a stack trace.
Deliberately not here: what the commands do. Each has its module.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path
from typing import Dict, List, Optional, Sequence

sys.dont_write_bytecode = True
if sys.version_info < (3, 9):
    sys.exit("error: the local stack needs Python 3.9 or newer")

import console  # noqa: E402
import install  # noqa: E402
import place  # noqa: E402
import servers  # noqa: E402
from console import Problem  # noqa: E402


def _servers(given: argparse.Namespace) -> int:
    console.progress_to_stderr()
    options: Dict[str, List[str]] = {}
    for text in given.option:
        name, _, option = text.partition("=")
        options.setdefault(name, []).append(option)
    install.install_servers()
    root = _new_state(given.state, given.throwaway)
    wanted = servers.planned(root, given.only, given.throwaway, options)
    if given.hold:
        import hold

        return hold.hold(wanted, root if given.throwaway else None)
    servers.start_all(wanted, threading.Event())
    if given.json:
        print(json.dumps(servers.facts(wanted)))
    return 0


def _new_state(given: Optional[Path], throwaway: bool) -> Path:
    if given is None:
        return place.throwaway_folder() if throwaway else place.state_folder()
    root = given.absolute()
    if throwaway and root.exists() and any(root.iterdir()):
        raise Problem(f"{root} is not empty; a throwaway state is removed at the end")
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o755)
    return root


def _server(given: argparse.Namespace) -> int:
    console.progress_to_stderr()
    server = servers.named((given.state or place.state_folder()).absolute(), given.name)
    if given.action == "start":
        server.start(threading.Event(), keep_port=True)
    elif given.action == "stop":
        server.stop()
    elif given.action == "kill":
        server.stop(force=True)
    elif given.action == "wipe":
        server.wipe()
    elif given.action in ("alarm", "calm"):
        server.alarm(given.action == "alarm")
    running = server.running()
    print(json.dumps({"name": server.name, "pid": running.pid if running else None, "port": server.port}))
    return 0


def _install(given: argparse.Namespace) -> int:
    install.install(for_tests=given.tests, for_bench=given.bench)
    return 0


def _has(given: argparse.Namespace) -> int:
    import releases

    return 0 if given.kind not in releases.KINDS or releases.is_there(given.kind) else 1


def _tool(given: argparse.Namespace) -> int:
    import tools

    wanted = next(tool for tool in tools.TOOLS if tool.binary == given.name)
    if not wanted.is_there():
        raise Problem(
            f"{given.name} was not fetched", "`stack.py install --tests` fetches it where it is needed"
        )
    print(wanted.program())
    return 0


def _build(_given: argparse.Namespace) -> int:
    import build

    build.build()
    return 0


def _up(given: argparse.Namespace) -> int:
    import lifecycle

    lifecycle.up(build_first=not given.no_build, watched=given.watch)
    return 0


def _watch_check(_given: argparse.Namespace) -> int:
    import watch

    watch.check(place.state_folder())
    return 0


def _down(_given: argparse.Namespace) -> int:
    import lifecycle

    lifecycle.down()
    return 0


def _status(_given: argparse.Namespace) -> int:
    import lifecycle

    return lifecycle.status()


def _clean(_given: argparse.Namespace) -> int:
    import lifecycle

    lifecycle.clean()
    return 0


def _demo(given: argparse.Namespace) -> int:
    import demo

    return demo.run(given.rows, given.seed, build_first=not given.no_build)


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="stack.py", description="Longshore's local stack")
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="install, build, start, sync a sample shop, show what moved")
    demo.add_argument("--rows", type=int, default=300_000, help="rows of the sample shop, when it is filled")
    demo.add_argument("--seed", type=int, default=1, help="the same seed makes the same shop")
    demo.add_argument("--no-build", action="store_true", help="use the programs that are in .local/bin")
    demo.set_defaults(run=_demo)
    up = commands.add_parser("up", help="start the servers and Longshore's processes, or what is missing")
    up.add_argument("--no-build", action="store_true", help="use the programs that are in .local/bin")
    up.add_argument("--watch", action="store_true", help="with Prometheus beside it, and the alerts")
    up.set_defaults(run=_up)
    for name, run, text in (
        ("down", _down, "end what `up` started; the data stays"),
        ("status", _status, "what runs, with pids and addresses"),
        ("clean", _clean, "end everything and remove the stack's data"),
        ("build", _build, "build the programs into .local/bin"),
        ("watch-check", _watch_check, "ask Prometheus for all targets, and for every expression"),
    ):
        commands.add_parser(name, help=text).set_defaults(run=run)
    installing = commands.add_parser("install", help="install what is missing on this machine")
    installing.add_argument("--tests", action="store_true", help="also what only the tests need")
    installing.add_argument("--bench", action="store_true", help="also the tools that are measured beside ours")
    installing.set_defaults(run=_install)
    having = commands.add_parser("has", help="whether a kind of server can be started here, by the exit code")
    having.add_argument("kind", metavar="KIND")
    having.set_defaults(run=_has)
    tool = commands.add_parser("tool", help="the path of a program that install --tests fetched")
    tool.add_argument("name", choices=("cargo-deny", "cargo-nextest", "weed"))
    tool.set_defaults(run=_tool)
    _server_arguments(commands)
    return parser.parse_args(argv)


def _server_arguments(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    many = commands.add_parser("servers", help="only servers, for tests and experiments")
    many.add_argument("--state", type=Path, help="where their state lies (throwaway: a new temporary folder)")
    many.add_argument("--only", default="postgres,rabbitmq,s3,mariadb:2", help="KIND[:COUNT],…")
    many.add_argument("--throwaway", action="store_true", help="fast, unsafe, removed at the end")
    many.add_argument(
        "--hold", action="store_true", help="end them when standard input closes; implies --json"
    )
    many.add_argument("--json", action="store_true", help="print one JSON object that tells all about them")
    many.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=OPTION",
        help="for one server, as its own command line takes it: mariadb-1=log-bin=binlog",
    )
    many.set_defaults(run=_servers)
    one = commands.add_parser("server", help="one server of a state folder")
    one.add_argument("action", choices=("start", "stop", "kill", "wipe", "alarm", "calm", "status"))
    one.add_argument("name")
    one.add_argument("--state", type=Path, help="the state folder, as `servers` printed it")
    one.set_defaults(run=_server)


def main(argv: Sequence[str]) -> int:
    """Runs one command."""
    given = _arguments(argv)
    # So that a polite end still runs what has to be tidied up.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda found, _frame: sys.exit(128 + found))
    try:
        return int(given.run(given))
    except Problem as why:
        print(f"error: {why}", file=sys.stderr)
        return 1
    except OSError as why:
        # A full disk, a folder of somebody else: the message names what and where.
        print(f"error: {why}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
