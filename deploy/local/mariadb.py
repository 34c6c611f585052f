"""MariaDB: the source and the target of a sync.

Invariants: the administrator comes in over the unix socket only, as the very system
user that runs the server, without a password; clients come over 127.0.0.1 with one,
and their user can do what a customer's sync user would be allowed; only a throwaway
server has an administrator over TCP.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Dict, List, Optional

import first_sync
from console import Problem
from server import NotReady, Server

DATABASE = "shop"
USER = "longshore"
ADMIN = "admin"


class MariaDb(Server):
    """One MariaDB server with an empty database `shop`."""

    kind = "mariadb"
    system_user = "mysql"
    secret_names = ("password", "admin")
    # Who administers it over the socket, if it is not who runs it.
    admin_user = ""

    def prepare(self) -> None:
        command = ["mariadb-install-db", "--no-defaults", f"--datadir={self.data}", "--skip-test-db"]
        command += ["--skip-name-resolve", "--auth-root-authentication-method=socket"]
        command += [f"--auth-root-socket-user={self.owner.name}", f"--tmpdir={self.conf}"]
        done = subprocess.run(command, cwd=self.conf, capture_output=True, text=True, **self.owner.identity())
        if done.returncode != 0:
            raise Problem("mariadb-install-db failed:", (done.stdout + done.stderr).strip()[-2000:])

    def command(self) -> List[str]:
        given = self.settings["options"]
        options = [
            f"datadir={self.data}",
            f"socket={self._socket}",
            f"pid-file={self.conf / 'mariadb.pid'}",
            f"tmpdir={self.conf}",
            f"port={self.port}",
            "bind-address=127.0.0.1",
            "skip-name-resolve",
            "local-infile=1",
            "character-set-server=utf8mb4",
            "max-allowed-packet=64M",
            "innodb-buffer-pool-size=256M",
            "innodb-log-file-size=128M",
        ]
        if self.throwaway:
            options += ["innodb-flush-log-at-trx-commit=0", "innodb-doublewrite=0", "sync-frm=0"]
        if not any(option.startswith("log-bin") for option in given):
            options.append("skip-log-bin")
        return [*self.program(), *(f"--{option}" for option in [*options, *given])]

    def program(self) -> List[str]:
        """The server's program, without options but `--no-defaults` and where its files lie."""
        return ["mariadbd", "--no-defaults"]

    def probe(self) -> None:
        # The TCP port is bound before the socket answers, or the server gives up.
        done = self.sql("SELECT 1;")
        if done.returncode != 0:
            raise NotReady(done.stderr.decode(errors="replace").strip() or "no answer")

    def provision(self) -> None:
        user = f"'{USER}'@'127.0.0.1'"
        # The last line is for what a sync makes and removes beside the database.
        sql = f"""
            CREATE DATABASE IF NOT EXISTS `{DATABASE}`;
            CREATE USER IF NOT EXISTS {user};
            ALTER USER {user} IDENTIFIED BY '{self.secret("password")}';
            GRANT RELOAD, PROCESS, REPLICATION CLIENT ON *.* TO {user};
            GRANT ALL ON `{DATABASE}`.* TO {user};
            GRANT ALL ON `longshore\\_%`.* TO {user};
            """
        if not self.throwaway:
            # For the first sync that the demo proposes.
            sql += f"GRANT ALL ON `{first_sync.DATABASE}`.* TO {user};"
        if self.throwaway:
            admin = f"'{ADMIN}'@'127.0.0.1'"
            sql += f"""
            CREATE USER IF NOT EXISTS {admin};
            ALTER USER {admin} IDENTIFIED BY '{self.secret("admin")}';
            GRANT ALL ON *.* TO {admin} WITH GRANT OPTION;
            """
        done = self.sql(sql)
        if done.returncode != 0:
            raise Problem(f"{self.name}: making its users failed:", done.stderr.decode(errors="replace"))

    def facts(self) -> Dict[str, Any]:
        found = {
            "name": self.name,
            "host": "127.0.0.1",
            "port": self.port,
            "database": DATABASE,
            "username": USER,
            "password": self.secret("password"),
            "url": f"mysql://{USER}:{self.secret('password')}@127.0.0.1:{self.port}/{DATABASE}",
            "socket": str(self._socket),
        }
        if self.throwaway:
            found["admin_username"] = ADMIN
            found["admin_password"] = self.secret("admin")
            found["admin_url"] = f"mysql://{ADMIN}:{self.secret('admin')}@127.0.0.1:{self.port}"
        return found

    def sql(self, text: str) -> "subprocess.CompletedProcess[bytes]":
        """Runs our own SQL as the administrator; its rows come tab separated."""
        return subprocess.run(
            self._client(), input=text.encode(), cwd="/", capture_output=True, **self.owner.identity()
        )

    def sql_stream(self) -> "subprocess.Popen[bytes]":
        """A client of the administrator that reads our own SQL from a pipe."""
        return subprocess.Popen(
            self._client(DATABASE),
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            **self.owner.identity(),
        )

    def _client(self, database: Optional[str] = None) -> List[str]:
        command = ["mariadb", "--no-defaults", f"--socket={self._socket}", f"--user={self.admin_user or self.owner.name}"]
        command += ["--batch", "--skip-column-names", "--binary-mode", "--default-character-set=utf8mb4"]
        # Over the socket, whatever the server's certificate is like.
        command += ["--max-allowed-packet=64M", "--skip-ssl"]
        return command + ([database] if database else [])

    @property
    def _socket(self) -> Path:
        return self.sockets / "sock"
