"""Which packages' schemas are synced, and how their statements are got.

Invariants: packages come through apt with Debian's signature, are unpacked and never installed;
what they hold is SQL for the client of a throwaway server, never for a shell.
"""

from __future__ import annotations

import gzip
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Sequence


@dataclass(frozen=True)
class Schema:
    """A package, and its files of SQL in the order in which they are read."""

    package: str
    files: Sequence[str]
    # What of its text only its own installer understands, and what it means.
    words: Dict[str, str] = field(default_factory=dict)


SCHEMAS: Dict[str, Schema] = {
    "zabbix": Schema(
        "zabbix-server-mysql",
        [f"usr/share/zabbix-server-mysql/{name}.sql.gz" for name in ("schema", "images", "data")],
    ),
    "mediawiki": Schema(
        "mediawiki",
        ["usr/share/mediawiki/maintenance/tables-generated.sql", "usr/share/mediawiki/maintenance/tables.sql"],
        {r"/\*_\*/": "mw_", r"/\*i\*/": "", r"/\*\$wgDBTableOptions\*/": "ENGINE=InnoDB, DEFAULT CHARSET=binary"},
    ),
    # A mode that MySQL 9 does not know, and that says nothing of tables.
    "cacti": Schema("cacti", ["usr/share/cacti/conf_templates/cacti.sql"], {r"NO_AUTO_CREATE_USER,?": ""}),
    "icingadb": Schema("icingadb", ["usr/share/icingadb/schema/mysql/schema.sql"]),
    "icinga": Schema("icinga2-ido-mysql", ["usr/share/icinga2-ido-mysql/schema/mysql.sql"]),
    "bacula": Schema("bacula-director-mysql", ["usr/share/dbconfig-common/data/bacula-director-mysql/install/mysql"]),
    "roundcube": Schema("roundcube-core", ["usr/share/roundcube/SQL/mysql.initial.sql"]),
    "request-tracker": Schema("request-tracker5", ["usr/share/request-tracker5/etc/schema.mysql"]),
    "zoneminder": Schema("zoneminder", ["usr/share/zoneminder/db/zm_create.sql"], {r"(?im)^\s*(create database|use|source) .*$": ""}),
    # The table in which all others are noted comes with the standard ones; two modules of the IMS
    # bring the same tables.
    "kamailio": Schema(
        "kamailio-mysql-modules",
        [f"usr/share/kamailio/mysql/{name}-create.sql" for name in ("standard", "[a-hj-r]*", "s[!t]*", "[t-z]*")],
    ),
    "powerdns": Schema(
        "pdns-backend-mysql",
        [f"usr/share/pdns-backend-mysql/schema/{name}.mysql.sql" for name in ("schema", "enable-foreign-keys")],
    ),
    "freeradius": Schema("freeradius-config", ["etc/freeradius/3.0/mods-config/sql/main/mysql/schema.sql"]),
    "icingaweb": Schema("icingaweb2", ["usr/share/icingaweb2/schema/mysql.schema.sql"]),
}


def statements(schema: Schema, cache: Path) -> str:
    """The SQL that makes the schema; the package is fetched once."""
    unpacked = cache / schema.package
    if not unpacked.is_dir():
        _fetch(schema.package, unpacked)
    paths: List[Path] = []
    for pattern in schema.files:
        found = sorted(unpacked.glob(pattern))
        if not found:
            raise SystemExit(f"{schema.package} has no {pattern}")
        paths += [path for path in found if path not in paths]
    text = "\n".join(_read(path) for path in paths)
    for word, meaning in schema.words.items():
        text = re.sub(word, meaning, text)
    return text


def _read(path: Path) -> str:
    raw = path.read_bytes()
    return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8", "replace")


def _fetch(package: str, into: Path) -> None:
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent) as fresh:
        subprocess.run(["apt-get", "download", "-q", "-o", "APT::Sandbox::User=", package], cwd=fresh, check=True, stdout=subprocess.DEVNULL)
        (archive,) = Path(fresh).glob("*.deb")
        unpacked = Path(fresh) / "unpacked"
        subprocess.run(["dpkg", "-x", str(archive), str(unpacked)], check=True)
        unpacked.rename(into)
