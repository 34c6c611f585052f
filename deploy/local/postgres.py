"""PostgreSQL: Longshore's own metadata.

Invariants: passwords only travel by standard input, by a file that only the server's
user can read, and by the environment of our own client; only a throwaway server runs
without fsync; a data folder is opened by the major version that made it.
Roles and rights are in deploy/postgres, so that any other deployment uses the same.
"""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Any, Dict, List, Optional

from accounts import private_file
from console import Problem
from place import CLONE
from server import NotReady, Server

DATABASE = "longshore"
ROLES = ("longshore_owner", "longshore_api", "longshore_system")
_SQL = CLONE / "deploy" / "postgres"
_INSTALLED = Path("/usr/lib/postgresql")


def program_folder(major: Optional[str] = None) -> Optional[Path]:
    """The programs of an installed server: of this major version, or the newest."""
    found = [p.parent for p in _INSTALLED.glob(f"{major or '*'}/bin/initdb") if (p.parent / "psql").exists()]
    return max(found, key=lambda p: float(p.parent.name), default=None)


class Postgres(Server):
    """One PostgreSQL server with the database `longshore` and its three roles."""

    kind = "postgres"
    system_user = "postgres"
    secret_names = ("postgres", *ROLES)
    # SIGTERM would wait for every client to leave.
    stop_signal = signal.SIGINT
    # A crash, but one after which it still frees its shared memory.
    force_signal = signal.SIGQUIT

    def prepare(self) -> None:
        word = private_file(self.conf / "superuser", self.secret("postgres"), self.owner)
        command = [str(self._programs() / "initdb"), "-D", str(self.data), "-U", "postgres"]
        command += ["--auth=scram-sha-256", f"--pwfile={word}", "--encoding=UTF8", "--locale=C.UTF-8"]
        command += ["--no-sync"] if self.throwaway else []
        done = subprocess.run(command, cwd=self.conf, capture_output=True, text=True, **self.owner.identity())
        word.unlink()
        if done.returncode != 0:
            raise Problem("initdb failed:", (done.stderr or done.stdout).strip())

    def command(self) -> List[str]:
        # Nobody else runs on this folder (its lock is ours), and a recycled pid in
        # this file would keep the server from starting.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.sockets),
            "max_connections": "300",
            "shared_buffers": "64MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "jit": "off",
        }
        if self.throwaway:
            options.update(fsync="off", synchronous_commit="off", full_page_writes="off")
        command = [str(self._programs() / "postgres"), "-D", str(self.data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        for option in self.settings["options"]:
            command += ["-c", option]
        return command

    def probe(self) -> None:
        done = self._psql("postgres", "SELECT 1;")
        if done.returncode != 0:
            raise NotReady(done.stderr.strip() or "no answer")

    def provision(self) -> None:
        words = "".join(f"ALTER ROLE {role} PASSWORD '{self.secret(role)}';\n" for role in ROLES)
        create = (
            f"SELECT 'CREATE DATABASE {DATABASE} OWNER longshore_owner' WHERE NOT EXISTS"
            f" (SELECT FROM pg_database WHERE datname = '{DATABASE}') \\gexec\n"
        )
        # Else the server would log a statement that failed, and these hold passwords.
        quiet = "SET log_min_error_statement = panic;\n"
        self._must("postgres", quiet + (_SQL / "roles.sql").read_text() + words + create)
        self._must(DATABASE, (_SQL / "database.sql").read_text())

    def facts(self) -> Dict[str, Any]:
        urls = {f"{role.replace('longshore', 'postgres')}_url": self._url(role) for role in ROLES}
        if self.throwaway:
            urls["postgres_admin_url"] = self._url("postgres", "postgres")
        return urls

    def run_as_owner(self, sql: str, what: str) -> None:
        """Runs our own SQL in the database `longshore` as the owner of its schema."""
        done = self._psql(DATABASE, sql, "longshore_owner")
        if done.returncode != 0:
            raise Problem(f"{what} failed:", done.stderr.strip())

    def _url(self, role: str, database: str = DATABASE) -> str:
        return f"postgresql://{role}:{self.secret(role)}@127.0.0.1:{self.port}/{database}"

    def _must(self, database: str, sql: str) -> None:
        done = self._psql(database, sql)
        if done.returncode != 0:
            raise Problem(f"{self.name}: preparing the database {database!r} failed:", done.stderr.strip())

    def _psql(self, database: str, sql: str, role: str = "postgres") -> "subprocess.CompletedProcess[str]":
        command = [str(self._programs() / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1"]
        command += ["-h", "127.0.0.1", "-p", str(self.port), "-U", role, "-d", database]
        env = {"PGPASSWORD": self.secret(role), "PGCONNECT_TIMEOUT": "3", "LANG": "C.UTF-8"}
        return subprocess.run(command, input=sql, env=env, cwd="/", capture_output=True, text=True)

    def _programs(self) -> Path:
        version = self.data / "PG_VERSION"
        major = version.read_text().strip() if version.exists() else None
        found = program_folder(major)
        if found is None:
            raise Problem(
                f"PostgreSQL {major or ''} is not installed",
                "install it again, or `make clean` to start with an empty stack",
            )
        return found
