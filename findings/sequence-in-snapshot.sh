#!/usr/bin/env bash
# MariaDB: a consistent snapshot holds the rows of tables, and not the state of sequences.
#
# Seen on MariaDB 10.11.19 and 11.8.9. A session inside START TRANSACTION WITH CONSISTENT SNAPSHOT
# goes on seeing its old rows, and reads of an InnoDB sequence what other sessions have drawn
# since: a sequence is read without versions.
#
# For dumps and copies: what `mariadb-dump --single-transaction` writes of sequences is newer than
# the rows beside it. That does no harm to the uniqueness of keys, but a comparison of source and
# target at one snapshot finds different sequences.
set -euo pipefail
. "$(dirname "$0")/lib/servers.sh"

cat >"$ROOM/look.py" <<'PY'
import sys, pymysql

link = dict(unix_socket=sys.argv[1], user="root", autocommit=True)
writer, reader = (pymysql.connect(**link).cursor() for _ in range(2))

def ask(k, text):
    k.execute(text)
    return k.fetchone()[0] if k.description else None

ask(writer, "CREATE DATABASE d")
ask(writer, "CREATE SEQUENCE d.s NOCACHE ENGINE=InnoDB")
ask(writer, "CREATE TABLE d.t (id BIGINT PRIMARY KEY DEFAULT NEXTVAL(d.s), v INT) ENGINE=InnoDB")
ask(writer, "INSERT INTO d.t (v) VALUES (1)")
ask(reader, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
for _ in range(3):
    ask(writer, "INSERT INTO d.t (v) VALUES (1)")
    rows = ask(reader, "SELECT COUNT(*) FROM d.t")
    print("rows", rows, "next value", ask(reader, "SELECT next_not_cached_value FROM d.s"))
PY

for kind in mariadb10 mariadb11; do
  start "$kind" "$kind" --log-bin
  see "$kind, one snapshot, asked after each of three inserts of another session" \
    "$(printf '%s\n' 'rows 1 next value 3' 'rows 1 next value 4' 'rows 1 next value 5')" \
    "$(python "$ROOM/look.py" "$(sock "$kind")")"
done
