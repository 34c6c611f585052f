#!/usr/bin/env bash
# MariaDB: a dump with history from 10.11 loads into 11.8 without an error, and the tables are
# empty.
#
# Seen with mariadb-dump --dump-history of MariaDB 10.11.19, loaded into 11.8.9. A row of a
# system-versioned table is current if its ROW END is the greatest TIMESTAMP there is. That is
# 2038-01-19 03:14:07.999999 up to 11.4 and 2106-02-07 06:28:15.999999 since 11.5, on 64-bit
# machines, and the dump writes it as a literal. For the newer server the older greatest value is
# a moment like any other: every current row becomes history that ends in 2038, and a plain SELECT
# finds nothing. Neither the dump nor the load warns.
#
# The other way round, the older server refuses the newer greatest value.
#
# For moves between these releases: after a load with history, the rows a plain SELECT gives have
# to be counted; ROW END of current rows has to be rewritten on the way, or left out.
set -euo pipefail
. "$(dirname "$0")/lib/servers.sh"

start mariadb10 mariadb10
start mariadb11 mariadb11
for kind in mariadb10 mariadb11; do
  sql "$kind" <<'SQL'
CREATE DATABASE d; USE d;
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(9)) WITH SYSTEM VERSIONING;
SET timestamp = UNIX_TIMESTAMP('2024-01-01'); INSERT INTO t VALUES (1, 'a'), (2, 'b');
SET timestamp = UNIX_TIMESTAMP('2024-02-01'); UPDATE t SET v = 'c' WHERE id = 1;
SQL
  dump "$kind" --dump-history --databases d >"$ROOM/$kind.sql"
done
rows='SELECT COUNT(*) FROM d.t; SELECT id, v, ROW_END FROM d.t FOR SYSTEM_TIME ALL ORDER BY ROW_END, id'
see "10.11 itself: current rows, and all" \
  $'2\n1\ta\t2024-02-01 00:00:00.000000\n1\tc\t2038-01-19 03:14:07.999999\n2\tb\t2038-01-19 03:14:07.999999' "$(sql mariadb10 <<<"$rows")"
sql mariadb11 <<<'DROP DATABASE d'
see "11.8 loads the dump of 10.11: errors and warnings, but those of a deprecated variable in the file's frame" "" \
  "$(sql mariadb11 --show-warnings <"$ROOM/mariadb10.sql" 2>&1 | sed "/@@sql_notes/d")"
see "11.8: current rows, and all" \
  $'0\n1\ta\t2024-02-01 00:00:00.000000\n1\tc\t2038-01-19 03:14:07.999999\n2\tb\t2038-01-19 03:14:07.999999' "$(sql mariadb11 <<<"$rows")"
sql mariadb10 <<<'DROP DATABASE d'
see "10.11 loads the dump of 11.8" 1525 "$(why mariadb10 <"$ROOM/mariadb11.sql")"
