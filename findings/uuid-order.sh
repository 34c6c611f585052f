#!/usr/bin/env bash
# MariaDB: a UUID column is ordered neither as its text nor as its 16 bytes, but by two rules, by version.
#
# Seen on MariaDB 10.11.19 and 11.8.9. UUIDs of versions 1 to 5 are stored with their last part first, and so
# compared by node, then clock, then time; those of versions 6, 7 and 8 as they read. Both kinds in one column
# are compared by the stored bytes, so a UUID of version 4 comes before or after one of version
# 7 by its end and the other's beginning. ORDER BY, MIN, MAX, > and indexes agree with each other.
#
# For tools that cut a table into ranges of its key, or merge rows of two servers: a range computed from the
# text or the bytes, in the tool or on MySQL or PostgreSQL, isn't a range here. The bounds have to
# be taken from the server, and compared by it.
set -euo pipefail
. "$(dirname "$0")/lib/servers.sh"

for kind in mariadb10 mariadb11; do
  start "$kind" "$kind"
  sql "$kind" <<'SQL'
CREATE DATABASE d; USE d;
CREATE TABLE t (u UUID PRIMARY KEY);
INSERT INTO t VALUES ('ffffffff-0000-4000-8000-000000000001'), ('00000000-0000-4000-8000-000000000002'),
  ('00000000-0000-7000-8000-00000000000f'), ('00000001-0000-7000-8000-000000000000'), ('ffffffff-0000-7000-8000-000000000000');
SQL
  see "$kind, ORDER BY the column" \
    "$(printf '%s\n' 00000000-0000-7000-8000-00000000000f ffffffff-0000-4000-8000-000000000001 00000000-0000-4000-8000-000000000002 00000001-0000-7000-8000-000000000000 ffffffff-0000-7000-8000-000000000000)" \
    "$(sql "$kind" d <<<'SELECT u FROM t ORDER BY u')"
  see "$kind, ORDER BY its text, and its bytes" \
    "$(printf '%s\n' 00000000-0000-4000-8000-000000000002 00000000-0000-7000-8000-00000000000f 00000001-0000-7000-8000-000000000000 ffffffff-0000-4000-8000-000000000001 ffffffff-0000-7000-8000-000000000000)" \
    "$(sql "$kind" d <<<'SELECT u FROM t ORDER BY CAST(u AS CHAR)')"
  see "$kind, rows beyond ffffffff-0000-4000-8000-000000000001, by column and by text" $'3\t1' \
    "$(sql "$kind" d <<<"SELECT SUM(u > 'ffffffff-0000-4000-8000-000000000001'), SUM(CAST(u AS CHAR) > 'ffffffff-0000-4000-8000-000000000001') FROM t")"
done
