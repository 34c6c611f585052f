#!/usr/bin/env bash
# MariaDB to MySQL: two tables with a nameless CHECK each cannot both be created.
#
# Seen with MariaDB 10.11.19 and 11.8.9, and MySQL 9.7.4. MariaDB names a nameless table
# constraint CONSTRAINT_1, CONSTRAINT_2 …, anew in each table, and SHOW CREATE TABLE and mariadb-dump
# write that name as if somebody had given it. On MySQL the names of CHECK constraints are unique in a
# schema: the second such table is refused with 3822. A CHECK of a column has no name and passes.
#
# For moves from MariaDB to MySQL: names of the pattern CONSTRAINT_<n> are nobody's, and are left out.
set -euo pipefail
. "$(dirname "$0")/lib/servers.sh"

start mysql9 mysql9
sql mysql9 <<<'CREATE DATABASE d'
for kind in mariadb10 mariadb11; do
  start "$kind" "$kind"
  sql "$kind" <<'SQL'
CREATE DATABASE d; USE d;
CREATE TABLE a (x INT, y INT CHECK (y > 0), CHECK (x > y));
CREATE TABLE b (x INT, y INT CHECK (y > 0), CHECK (x > y));
SQL
  see "$kind shows of both tables" \
    $'  `y` int(11) DEFAULT NULL CHECK (`y` > 0),\n  CONSTRAINT `CONSTRAINT_1` CHECK (`x` > `y`)' \
    "$(sql "$kind" --raw d <<<'SHOW CREATE TABLE b' | grep CHECK)"
  # The collation's name is replaced: MySQL does not know that of 11.8.
  for table in a b; do
    sql "$kind" --raw d <<<"SHOW CREATE TABLE $table" | cut -f2- | sed 's/ COLLATE=[a-z0-9_]*//' >"$ROOM/$table.sql"
  done
  see "MySQL 9 creates the first" "no error" "$(why mysql9 d <"$ROOM/a.sql")"
  see "MySQL 9 creates the second" 3822 "$(why mysql9 d <"$ROOM/b.sql")"
  sql mysql9 d <<<'DROP TABLE a'
done
