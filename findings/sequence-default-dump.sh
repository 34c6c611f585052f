#!/usr/bin/env bash
# MariaDB: mariadb-dump with its default options writes a file that no server loads, if a table
# has a column with DEFAULT NEXTVAL.
#
# Seen with mariadb-dump and servers of 10.11.19 and 11.8.9. The file wraps a table's rows in
# LOCK TABLES `t` WRITE, and under LOCK TABLES every table that a statement opens has to be locked.
# An INSERT opens the sequence of a default, even if it gives that column its values, as the dump
# does; the sequence isn't locked, and the file ends with 1100 "Table 's' was not locked with LOCK
# TABLES". The dump itself succeeds and says nothing. It is the same with --databases and
# --single-transaction, and into an empty database of the same name.
#
# For backups and moves: only a load shows it. --skip-add-locks when dumping gives a file that loads.
set -euo pipefail
. "$(dirname "$0")/lib/servers.sh"

# load KIND FILE: into an empty place of the same name, as a restore would.
load() {
  sql "$1" <<<'DROP DATABASE IF EXISTS shop; CREATE DATABASE shop'
  printf '%s, rows there: %s\n' "$(why "$1" --database=shop <"$2")" "$(sql "$1" <<<'SELECT COUNT(*) FROM shop.t')"
}

for kind in mariadb10 mariadb11; do
  start "$kind" "$kind"
  sql "$kind" <<'SQL'
CREATE DATABASE shop; USE shop;
CREATE SEQUENCE s;
CREATE TABLE t (id BIGINT NOT NULL DEFAULT NEXTVAL(s) PRIMARY KEY, v INT);
INSERT INTO t (v) VALUES (10), (20);
SQL
  dump "$kind" shop >"$ROOM/plain.sql"
  dump "$kind" --single-transaction --databases shop >"$ROOM/databases.sql"
  dump "$kind" --skip-add-locks shop >"$ROOM/unlocked.sql"
  see "$kind, the rows in the file" $'LOCK TABLES `t` WRITE;\nINSERT INTO `t` VALUES' "$(grep -E '^(LOCK|INSERT)' "$ROOM/plain.sql")"
  see "$kind, loading a plain dump" "1100, rows there: 0" "$(load "$kind" "$ROOM/plain.sql")"
  see "$kind, loading one with --single-transaction --databases" "1100, rows there: 0" "$(load "$kind" "$ROOM/databases.sql")"
  see "$kind, loading one with --skip-add-locks" "no error, rows there: 2" "$(load "$kind" "$ROOM/unlocked.sql")"
done
