#!/usr/bin/env bash
# MySQL: what a generated column computes, for other sessions too, depends on the sql_mode of the
# session that opened its table.
#
# Seen on MySQL 5.7.29 and 9.7.4; MariaDB 10.11.19 and 11.8.9 do not do it. A table's expressions
# (generated columns, defaults in parentheses, CHECK) are kept as text with escapes, and parsed
# when the table is opened into the table cache, under the sql_mode of the session that happens to
# open it. If that has NO_BACKSLASH_ESCAPES, '\\n' (a backslash and an n) gets a character more.
# The opened table stays in the cache: the sessions that get it from there write and read the
# other value, though their own sql_mode is the usual one, until it is closed (FLUSH TABLES, a
# restart, a full cache). Stored values remain, so one column holds both. The server here has one
# instance of the table cache; with the default of 16, it strikes the sessions that share the
# instance, by their connection's number.
#
# For whoever reads or writes a customer's server: no session may set NO_BACKSLASH_ESCAPES, not
# even one that only reads. A comparison of generated columns between two servers may differ for
# this alone.
set -euo pipefail
. "$(dirname "$0")/lib/servers.sh"

made="CREATE DATABASE d; USE d;
CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(9) AS (CONCAT('\\\\n')) STORED, v VARCHAR(9) AS (CONCAT('\\\\n')) VIRTUAL);
INSERT INTO t (id) VALUES (1)"
shown='SELECT id, HEX(s), HEX(v) FROM t ORDER BY id'

for kind in mariadb10 mariadb11 mysql57 mysql9; do
  start "$kind" "$kind" --table-open-cache-instances=1
  case $kind in mariadb*) other=5C6E ;; *) other=5C5C6E ;; esac
  sql "$kind" <<<"$made"
  see "$kind, as made" $'1\t5C6E\t5C6E' "$(sql "$kind" d <<<"$shown")"
  sql "$kind" d <<<'FLUSH TABLES; SET sql_mode = "NO_BACKSLASH_ESCAPES"; SELECT * FROM t WHERE 1 = 0'
  see "$kind, another session, after one with NO_BACKSLASH_ESCAPES read no row of it" \
    $'1\t5C6E\t'"$other"$'\n2\t'"$other"$'\t'"$other" "$(sql "$kind" d <<<"INSERT INTO t (id) VALUES (2); $shown")"
  sql "$kind" d <<<'FLUSH TABLES'
  see "$kind, after FLUSH TABLES" $'1\t5C6E\t5C6E\n2\t'"$other"$'\t5C6E\n3\t5C6E\t5C6E' \
    "$(sql "$kind" d <<<"INSERT INTO t (id) VALUES (3); $shown")"
done

sql mysql9 d <<<'CREATE TABLE u (a VARCHAR(9), b VARCHAR(9) DEFAULT (CONCAT("\\n")), CHECK (a <> "\\n"))'
see "mysql9: a CHECK refuses that text" 3819 "$(why mysql9 d <<<'INSERT INTO u (a) VALUES (0x5C6E)')"
sql mysql9 d <<<'FLUSH TABLES; SET sql_mode = "NO_BACKSLASH_ESCAPES"; SELECT * FROM u'
see "mysql9: and accepts it then, in the session that opens it and in this one, while a default gives another value" \
  $'5C6E\t5C5C6E' "$(sql mysql9 d <<<'INSERT INTO u (a) VALUES (0x5C6E); SELECT HEX(a), HEX(b) FROM u')"
