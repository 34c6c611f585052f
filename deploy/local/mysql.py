"""MySQL 5.7 and 9: servers that only tests need; `releases` fetches their programs."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import List

from console import Problem
from mariadb import MariaDb
from releases import folder


class MySql(MariaDb):
    """One MySQL server with an empty database `shop`; its root has no password and comes in
    over the unix socket only."""

    admin_user = "root"

    def prepare(self) -> None:
        command = [*self.program(), "--initialize-insecure", *self.places()]
        done = subprocess.run(command, cwd=self.conf, capture_output=True, text=True, **self.owner.identity())
        if done.returncode != 0:
            raise Problem(f"{self.kind} could not make its data folder:", (done.stdout + done.stderr)[-2000:])

    def command(self) -> List[str]:
        options = [
            f"socket={self._socket}",
            f"pid-file={self.conf / 'mysql.pid'}",
            f"port={self.port}",
            "bind-address=127.0.0.1",
            "skip-name-resolve",
            "local-infile=1",
            "secure-file-priv=",
            "character-set-server=utf8mb4",
            "max-allowed-packet=64M",
            "innodb-buffer-pool-size=128M",
            "innodb-flush-log-at-trx-commit=0",
            "skip-log-bin",
            *self.own_options(),
            *self.settings["options"],
        ]
        return [*self.program(), *self.places(), *(f"--{option}" for option in options)]

    def places(self) -> List[str]:
        """Where its files lie."""
        base = self.base()
        return [f"--basedir={base}", f"--lc-messages-dir={base / 'share/mysql'}", f"--datadir={self.data}", f"--tmpdir={self.conf}"]

    def base(self) -> Path:
        """Its folder of programs and messages."""
        raise NotImplementedError

    def program(self) -> List[str]:
        """The server's program, without options but `--no-defaults`."""
        raise NotImplementedError

    def own_options(self) -> List[str]:
        """What only this release knows."""
        return []


class MySql57(MySql):
    """MySQL 5.7.29."""

    kind = "mysql57"

    def base(self) -> Path:
        return folder(self.kind) / "server"

    def program(self) -> List[str]:
        return [str(self.base() / "mysqld"), "--no-defaults"]

    def own_options(self) -> List[str]:
        return ["log-syslog=0"]


class MySql9(MySql):
    """MySQL 9."""

    kind = "mysql9"

    def base(self) -> Path:
        return folder(self.kind) / "usr"

    def program(self) -> List[str]:
        base = self.base()
        libraries = f"{base}/lib/x86_64-linux-gnu:{base}/lib/mysql/private"
        loader = [f"{base}/lib64/ld-linux-x86-64.so.2", "--library-path", libraries]
        return [*loader, f"{base}/sbin/mysqld", "--no-defaults", f"--plugin-dir={base}/lib/mysql/plugin"]

    def own_options(self) -> List[str]:
        return ["mysqlx=OFF"]
