"""MariaDB 11.8: a server that only tests need; `releases` fetches its programs.

They come from a newer Debian and run by their own loader, so its installing script, which
calls the server plainly, cannot be used: the same statements are given to the server itself.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import List

from console import Problem
from mariadb import MariaDb
from releases import folder

# In the order of the release's own installing script.
_SYSTEM = (
    "mariadb_system_tables.sql",
    "mariadb_performance_tables.sql",
    "mariadb_system_tables_data.sql",
    "fill_help_tables.sql",
    "maria_add_gis_sp_bootstrap.sql",
    "mariadb_sys_schema.sql",
)


class MariaDb11(MariaDb):
    """MariaDB 11.8."""

    kind = "mariadb11"

    def prepare(self) -> None:
        share = self.base() / "share/mariadb"
        # The account that comes in over the socket, as `mariadb-install-db` is told to make it.
        variables = f"SET @auth_root_socket='{self.owner.name}', @skip_auth_anonymous=1;\n"
        text = "CREATE DATABASE IF NOT EXISTS mysql;\nUSE mysql;\n" + variables
        text += "".join((share / name).read_text() for name in _SYSTEM)
        command = [*self.program(), "--bootstrap", f"--datadir={self.data}", f"--tmpdir={self.conf}", "--log-warnings=0"]
        command += ["--enforce-storage-engine=", "--max-allowed-packet=8M", "--net-buffer-length=16K"]
        done = subprocess.run(
            command, cwd=self.conf, input=text, capture_output=True, text=True, **self.owner.identity()
        )
        if done.returncode != 0:
            raise Problem(f"{self.kind} could not make its data folder:", (done.stdout + done.stderr)[-2000:])

    def base(self) -> Path:
        """Its folder of programs and messages."""
        return folder(self.kind) / "usr"

    def program(self) -> List[str]:
        base = self.base()
        libraries = f"{base}/lib/x86_64-linux-gnu"
        loader = [f"{base}/lib64/ld-linux-x86-64.so.2", "--library-path", libraries]
        files = [f"--basedir={base}", f"--lc-messages-dir={base}/share/mariadb", f"--character-sets-dir={base}/share/mariadb/charsets"]
        return [*loader, f"{base}/sbin/mariadbd", "--no-defaults", *files, f"--plugin-dir={base}/lib/mysql/plugin"]
