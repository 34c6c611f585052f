"""Tests of deploy/local: what a person's machine depends on.

Run by tests/run. The servers themselves are proven by every suite that uses them; here
stands what those would not notice: that nothing foreign is ended, that nothing of ours
stays, that the sample shop is the same each time.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Callable, List
from unittest import mock

sys.dont_write_bytecode = True
LOCAL = Path(__file__).resolve().parents[1] / "deploy" / "local"
sys.path.insert(0, str(LOCAL))

import build  # noqa: E402
import first_sync  # noqa: E402
import fleet  # noqa: E402
import ports  # noqa: E402
import process  # noqa: E402
import releases  # noqa: E402
import shop  # noqa: E402
import watch  # noqa: E402
from accounts import Account  # noqa: E402
from console import Problem  # noqa: E402
from shop_rows import COLUMNS  # noqa: E402
from shop_tables import definitions  # noqa: E402

ME = Account("", os.geteuid(), os.getegid(), switch=False)


def eventually(holds: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Waits until it holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class Watches(unittest.TestCase):
    """Prometheus gets the shipped rules, and is told where the processes are."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.state = Path(scratch.name)

    def test_each_program_has_its_targets(self) -> None:
        names = ("longshore-api", "longshore-scheduler", "longshore-worker", "longshore-worker")
        members = [fleet.Member(f"m{i}", n, {}, ports={"ops": 20_000 + i}) for i, n in enumerate(names)]
        target = lambda i: {"targets": [f"127.0.0.1:{20_000 + i}"], "labels": {"instance": f"m{i}"}}  # noqa: E731
        folder = self.state / watch.NAME
        for _ in range(2):
            watch._settle(folder, members)
        read = {path.stem: json.loads(path.read_text()) for path in (folder / "targets").iterdir()}
        self.assertEqual(
            read,
            {
                "api": [target(0)],
                "scheduler": [target(1)],
                "worker": [target(2), target(3)],
            },
        )
        for name in ("alerts.yml", "recording.yml"):
            shipped = (LOCAL.parent / "prometheus/rules" / name).read_text()
            self.assertEqual((folder / "rules" / name).read_text(), shipped)
        told = (folder / "prometheus.yml").read_text()
        self.assertTrue(all(f"targets/{name}.json" in told for name in read))

    def test_without_prometheus_it_says_how_to_start_it(self) -> None:
        with self.assertRaisesRegex(Problem, "make up WATCH=1"):
            watch.check(self.state)


class Builds(unittest.TestCase):
    """Whoever watches no terminal is told how far a build is."""

    def test_says_how_far_it_is(self) -> None:
        said: List[str] = []
        script = "echo '   Compiling a v1.0.0' >&2; echo '   Compiling b v1.0.0' >&2; sleep 1; echo 'warning: odd' >&2; exit 3"
        with mock.patch.object(build, "say", said.append):
            ended = build.compile_unseen(["sh", "-c", script], dict(os.environ), crates=9, every=0.3)
        self.assertEqual(ended, 3)
        self.assertIn("  building for 0 min: 2 of about 9 crates begun", said)
        self.assertEqual([line for line in said if "building" not in line], ["warning: odd"])


class Processes(unittest.TestCase):
    """A process is known by more than its pid."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)

    def launch(self, *argv: str) -> process.Running:
        return process.launch(argv, {}, self.folder, self.folder / "log", ME, self.folder)

    def test_ends_what_was_started(self) -> None:
        running = self.launch("sleep", "60")
        process.remember(self.folder / "pid.json", running)
        self.assertEqual(process.recalled(self.folder / "pid.json"), running)
        process.end(running)
        self.assertFalse(process.alive(running))
        self.assertIsNone(process.recalled(self.folder / "pid.json"))

    def test_leaves_a_recycled_pid_alone(self) -> None:
        bystander = self.launch("sleep", "60")
        self.addCleanup(process.end, bystander)
        stale = process.Running(bystander.pid, "1", bystander.boot)
        process.remember(self.folder / "pid.json", stale)
        self.assertIsNone(process.recalled(self.folder / "pid.json"))
        process.end(stale, signal.SIGKILL)
        self.assertTrue(process.alive(bystander))

    def test_insists(self) -> None:
        running = self.launch("sh", "-c", "trap '' TERM; touch ready; while :; do sleep 1; done")
        self.assertTrue(eventually((self.folder / "ready").exists))
        process.end(running, patience=0.2)
        self.assertFalse(process.alive(running))
        process.end_strays(self.folder)

    def test_finds_strays_by_their_mark_only(self) -> None:
        bystander = subprocess.Popen(["sleep", "60"])
        self.addCleanup(bystander.wait)
        self.addCleanup(bystander.kill)
        self.launch("sh", "-c", "setsid sleep 60 & echo $! > child; sleep 60")
        child = self.folder / "child"
        self.assertTrue(eventually(lambda: child.exists() and bool(child.read_text().strip())))
        stray = process.find(int(child.read_text()))
        process.end_strays(self.folder)
        self.assertFalse(process.alive(stray))
        self.assertIsNone(bystander.poll())


class Ports(unittest.TestCase):
    """A port is free, ours alone, and out of the kernel's way."""

    def test_ports(self) -> None:
        found = ports.free_ports(str(n) for n in range(50)).values()
        self.assertEqual(len(set(found)), 50)
        ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
        self.assertLess(max(found), max(ephemeral, 32768))
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.assertFalse(ports.is_free(port))
            self.assertNotEqual(ports.first_free(port), port)


class Shop(unittest.TestCase):
    """The same seed makes the same shop."""

    def test_is_the_same_each_time(self) -> None:
        first, again, other = ("".join(shop.statements(2000, seed)) for seed in (7, 7, 8))
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_every_column_gets_a_value(self) -> None:
        for generated in (True, False):
            for table, definition in definitions(generated).items():
                lines = [line.strip() for line in definition.splitlines()[1:]]
                plain = [
                    line.split("`")[1] for line in lines if line.startswith("`") and "GENERATED" not in line
                ]
                self.assertEqual(plain, COLUMNS[table].split(","), table)


class FirstSync(unittest.TestCase):
    """What the demo proposes can be pasted."""

    def test_n25_bash_reads_every_line(self) -> None:
        for folder in ("/a/clone", "/a folder/with 'quotes'"):
            for line in first_sync.commands(folder, []):
                done = subprocess.run(["bash", "-n", "-c", line], capture_output=True, text=True)
                self.assertEqual((done.returncode, done.stderr), (0, ""), line)

    def test_n25_names_that_are_taken_are_not_proposed(self) -> None:
        for taken, name in (
            ([], "my sync"),
            (["my sync"], "my sync 2"),
            (["my sync", "my sync 2", "other"], "my sync 3"),
        ):
            lines = "\n".join(first_sync.commands("/a", taken))
            self.assertIn(f'\\"name\\": \\"{name}\\"', lines)

    def test_n25_bodies_are_json_once_the_shell_has_put_in_its_variables(self) -> None:
        values = {f"{side}_{key}": "x" for side in ("SOURCE", "TARGET") for key in ("HOST", "USERNAME", "PASSWORD")}
        values.update(SOURCE_PORT="1", TARGET_PORT="2", S="s", T="t", API_URL="u")
        bodies = [line for line in first_sync.commands("/a", []) if ' -d "' in line]
        self.assertEqual(len(bodies), 3)
        for line in bodies:
            call = line[line.index("$(") + 2 : line.rindex("|")]
            script = "api() { printf %s \"$2\"; }; " + call
            told = subprocess.run(["bash", "-c", script], env=values, capture_output=True, text=True, check=True)
            self.assertIn(json.loads(told.stdout)["name"], ("my source", "my target", "my sync"))


class Fetching(unittest.TestCase):
    """What tests need is fetched whole, after a hiccup too, or its lack is an error."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.tries = 0
        self.hiccups = 0
        for name, value in (
            ("tools_folder", lambda: self.folder),
            ("say", lambda _: None),
            ("_PAUSES", (0, 0, None)),
            ("_SOURCES", {"mysql9": self.source}),
        ):
            patch = mock.patch.object(releases, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def source(self, fresh: Path) -> Path:
        self.tries += 1
        (fresh / "unpacked").mkdir()
        (fresh / "unpacked" / "half").touch()
        if self.tries <= self.hiccups:
            raise Problem("the mirror is away")
        return fresh / "unpacked"

    def left(self) -> "list[str]":
        return sorted(path.name for path in self.folder.iterdir() if not path.name.endswith(".lock"))

    def test_tries_again_and_keeps_what_it_has(self) -> None:
        self.hiccups = 2
        releases.fetch()
        self.assertTrue(releases.is_there("mysql9"))
        releases.fetch()
        self.assertEqual((self.tries, len(self.left())), (3, 1))

    def test_fails_with_the_way_out(self) -> None:
        self.hiccups = 9
        with self.assertRaises(Problem) as failed:
            releases.fetch()
        for words in ("the mirror is away", "LONGSHORE_TEST_WITHOUT=mysql9"):
            self.assertIn(words, str(failed.exception))
        self.assertEqual((self.tries, self.left()), (3, []))

    def test_does_without_what_is_left_out(self) -> None:
        with mock.patch.dict(os.environ, {"LONGSHORE_TEST_WITHOUT": "mysql57, mysql9"}):
            releases.fetch()
        self.assertEqual((self.tries, self.left()), (0, []))


class Keys(unittest.TestCase):
    """Keys are made once, and a person is told where they lie."""

    def test_are_made_and_told_on_the_first_start_only(self) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            state, said = Path(scratch), []
            facts = {"postgres_system_url": "x", "postgres_owner_url": "x"}

            def run(_program: str, argv: "list[str]", _settings: "dict[str, str]") -> None:
                if argv[0] == "keys":
                    Path(argv[4]).touch()

            with mock.patch.object(fleet, "_run", run), mock.patch.object(fleet, "say", said.append):
                fleet.prepare(state, facts)
                self.assertEqual(len(said), 1)
                for name in ("keys/public.json", "keys/private.json"):
                    self.assertIn(str(state / name), said[0])
                fleet.prepare(state, facts)
                self.assertEqual(len(said), 1)


class Hold(unittest.TestCase):
    """Held servers end with whoever asked for them, however that ends."""

    def start(self) -> "tuple[subprocess.Popen[str], dict[str, object], int]":
        command = [
            sys.executable,
            str(LOCAL / "stack.py"),
            "servers",
            "--only",
            "postgres",
            "--throwaway",
            "--hold",
        ]
        asked = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert asked.stdout is not None and asked.stdin is not None
        self.addCleanup(asked.stdout.close)
        told = json.loads(asked.stdout.readline())
        return asked, told, int(told["servers"]["postgres"]["pid"])

    def gone(self, told: "dict[str, object]", pid: int) -> None:
        self.assertTrue(eventually(lambda: process.find(pid) is None), "the server still runs")
        self.assertTrue(eventually(lambda: not Path(str(told["state"])).exists()), "its data is still there")

    def test_when_the_pipe_closes(self) -> None:
        asked, told, pid = self.start()
        assert asked.stdin is not None
        asked.stdin.close()
        self.assertEqual(asked.wait(20), 0)
        self.gone(told, pid)

    def test_when_it_is_asked_to(self) -> None:
        asked, told, pid = self.start()
        asked.terminate()
        self.assertEqual(asked.wait(20), 0)
        self.gone(told, pid)
        assert asked.stdin is not None
        asked.stdin.close()

    def test_when_it_is_killed(self) -> None:
        asked, told, pid = self.start()
        asked.kill()
        asked.wait()
        self.gone(told, pid)
        assert asked.stdin is not None
        asked.stdin.close()


if __name__ == "__main__":
    unittest.main()
