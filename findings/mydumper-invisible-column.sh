#!/usr/bin/env bash
# mydumper 0.10 leaves out the values of invisible columns, and its dump loads without a word.
#
# Seen with Debian 12's mydumper 0.10.1, on MariaDB 10.11.19 and 11.8.9 and MySQL 9.7.4. It reads rows by
# SELECT *, which leaves INVISIBLE columns out, and writes INSERT INTO t VALUES (…), which
# leaves them out, too: so the load fits, each invisible column gets its default, and nobody warns. A generated
# column in the table makes mydumper name the columns, and then the invisible one is there.
# mariadb-dump names all columns of such a table.
#
# For moves with mydumper: the values of invisible columns (period columns and keys that were
# hidden from an application are such) are gone after a load that reports success.
set -euo pipefail
. "$(dirname "$0")/lib/servers.sh"

fetch mydumper
for kind in mariadb10 mariadb11 mysql9; do
  start "$kind" "$kind"
  sql "$kind" <<'SQL'
CREATE DATABASE d; CREATE DATABASE copy; USE d;
CREATE TABLE t (id INT PRIMARY KEY, v INT);
ALTER TABLE t ADD COLUMN hidden VARCHAR(9) DEFAULT 'default' INVISIBLE;
INSERT INTO t (id, v, hidden) VALUES (1, 2, 'kept');
CREATE TABLE g (id INT PRIMARY KEY, v INT AS (id + 1) STORED);
ALTER TABLE g ADD COLUMN hidden VARCHAR(9) DEFAULT 'default' INVISIBLE;
INSERT INTO g (id, hidden) VALUES (1, 'kept');
SQL
  (run mydumper usr/bin/mydumper --socket "$(sock "$kind")" --user root --database d --outputdir "$ROOM/out.$kind")
  see "$kind, the row in its file" $'INSERT INTO `t` VALUES\n(1,2);' \
    "$(grep -A1 '^INSERT' "$ROOM/out.$kind"/d.t.sql)"
  (run mydumper usr/bin/myloader --socket "$(sock "$kind")" --user root --database copy --directory "$ROOM/out.$kind")
  see "$kind, table t and table g with a generated column, at the source and in the copy" $'kept\tkept\ndefault\tkept' \
    "$(sql "$kind" <<<'SELECT t.hidden, g.hidden FROM d.t, d.g; SELECT t.hidden, g.hidden FROM copy.t, copy.g')"
  [ "$kind" = mysql9 ] || see "$kind, mariadb-dump" 'INSERT INTO `t` (`id`, `v`, `hidden`) VALUES (1,2,'"'kept'"');' "$(dump "$kind" --skip-extended-insert d t | grep '^INSERT')"
done
