#!/usr/bin/env bash
# MariaDB: a column's REF_SYSTEM_ID is in no SHOW CREATE TABLE, and binds no row.
#
# Seen on MariaDB 10.11.19 and 11.8.9. The SRID given to a spatial column at creation is kept: information_schema
# .GEOMETRY_COLUMNS shows it, and CREATE TABLE … LIKE and a rebuild keep it. SHOW CREATE TABLE and
# information_schema.COLUMNS do not tell it, so mariadb-dump loses it without a word. It is no constraint
# either: rows of any SRID go in. MySQL's SRID, its counterpart, is shown, and refuses other rows.
#
# For moves: the attribute has to be read from GEOMETRY_COLUMNS and written by hand; and a target of
# MySQL with that SRID may refuse rows that lie in the column.
set -euo pipefail
. "$(dirname "$0")/lib/servers.sh"

for kind in mariadb10 mariadb11; do
  start "$kind" "$kind"
  sql "$kind" <<'SQL'
CREATE DATABASE d; CREATE DATABASE copy; USE d;
CREATE TABLE t (id INT PRIMARY KEY, p POINT REF_SYSTEM_ID=4326 NOT NULL);
CREATE TABLE same LIKE t;
INSERT INTO t VALUES (1, ST_GeomFromText('POINT(1 2)', 0)), (2, ST_GeomFromText('POINT(1 2)', 101));
ALTER TABLE t FORCE;
SQL
  dump "$kind" d | sql "$kind" copy
  see "$kind, SHOW CREATE TABLE" '  `p` point NOT NULL,' "$(sql "$kind" --raw d <<<'SHOW CREATE TABLE t' | grep '`p`')"
  see "$kind, GEOMETRY_COLUMNS of the table, of one made LIKE it, and of both from a dump" \
    $'copy\tsame\t0\ncopy\tt\t0\nd\tsame\t4326\nd\tt\t4326' \
    "$(sql "$kind" <<<'SELECT g_table_schema, g_table_name, srid FROM information_schema.geometry_columns ORDER BY 1, 2')"
  see "$kind, the SRIDs of rows in the column of 4326" $'1\t0\n2\t101' "$(sql "$kind" d <<<'SELECT id, ST_SRID(p) FROM t ORDER BY id')"
done

start mysql9 mysql9
see "mysql9, SHOW CREATE TABLE" '  `p` point NOT NULL /*!80003 SRID 4326 */' \
  "$(sql mysql9 --raw <<<'CREATE DATABASE d; USE d; CREATE TABLE t (p POINT NOT NULL SRID 4326); SHOW CREATE TABLE t' | grep '`p`')"
see "mysql9, a row of another SRID" 3643 "$(why mysql9 d <<<"INSERT INTO t VALUES (ST_GeomFromText('POINT(1 2)', 0))")"
