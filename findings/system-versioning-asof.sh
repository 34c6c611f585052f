#!/usr/bin/env bash
# MariaDB: one global setting makes every new session, and mariadb-dump, read old rows.
#
# Seen on MariaDB 10.11.19 and 11.8.9. After SET GLOBAL system_versioning_asof = <a time>, a plain
# SELECT in any later session reads system-versioned tables as of that time, without a word in the
# statement: mariadb-dump writes the old rows, and its file looks like any other. Writes go to
# the rows of today, so such a session updates and deletes what it cannot see.
#
# SET SESSION system_versioning_asof = DEFAULT does not take the global value, as it would for
# other variables: DEFAULT is here a value of its own, "the current rows".
#
# For dumps and copies: each session that reads sets it to DEFAULT itself. mariadb-dump does not.
set -euo pipefail
. "$(dirname "$0")/lib/servers.sh"

for kind in mariadb10 mariadb11; do
  start "$kind" "$kind"
  sql "$kind" <<'SQL'
CREATE DATABASE d; USE d;
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(9)) WITH SYSTEM VERSIONING;
SET timestamp = UNIX_TIMESTAMP('2024-01-01'); INSERT INTO t VALUES (1, 'old');
SET timestamp = UNIX_TIMESTAMP('2024-02-01'); UPDATE t SET v = 'new'; INSERT INTO t VALUES (2, 'later');
SET GLOBAL system_versioning_asof = TIMESTAMP'2024-01-15 00:00:00';
SQL
  see "$kind, a new session" $'2024-01-15 00:00:00.000000\n1\told' \
    "$(sql "$kind" d <<<'SELECT @@system_versioning_asof; SELECT * FROM t')"
  see "$kind, mariadb-dump" "INSERT INTO \`t\` VALUES (1,'old');" \
    "$(dump "$kind" --skip-extended-insert d t | grep '^INSERT' | tr -d '\n')"
  see "$kind, set to DEFAULT in the session, the global value still being there" $'2024-01-15 00:00:00.000000\tDEFAULT\n1\tnew\n2\tlater' \
    "$(sql "$kind" d <<<'SET SESSION system_versioning_asof = DEFAULT; SELECT @@GLOBAL.system_versioning_asof, @@system_versioning_asof; SELECT * FROM t')"
  see "$kind, a new session deletes the row that it cannot see" $'0\n1\n0' \
    "$(sql "$kind" d <<<'SELECT COUNT(*) FROM t WHERE id = 2; DELETE FROM t WHERE id = 2; SELECT ROW_COUNT(); SET system_versioning_asof = DEFAULT; SELECT COUNT(*) FROM t WHERE id = 2')"
done
