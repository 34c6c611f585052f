#!/usr/bin/env bash
# MariaDB: a column's default NEXTVAL keeps the name of the database it was made in, and is looked
# up even where no default is used.
#
# Seen on MariaDB 10.11.19 and 11.8.9.
#  - SHOW CREATE TABLE, and so mariadb-dump without --databases, writes nextval(`database`.`s`)
#    where the table was made with NEXTVAL(s): the only name in such a dump that is qualified. Loaded
#    into another database of the same server, and also by CREATE TABLE … LIKE, the copy draws its
#    keys from the original's sequence, silently, also where the dump brought a sequence along.
#  - Nothing ties a sequence to its users: it is dropped or renamed without a word, and then every
#    INSERT fails with 1146, those that name all columns with values, too. UPDATE works.
#
# For whoever copies a database under another name: the qualified name has to be made relative, or
# the copy goes on using the source's sequence, and fails when that one goes.
set -euo pipefail
. "$(dirname "$0")/lib/servers.sh"

for kind in mariadb10 mariadb11; do
  start "$kind" "$kind"
  sql "$kind" <<'SQL'
CREATE DATABASE shop; CREATE DATABASE copy; USE shop;
CREATE SEQUENCE s NOCACHE;
CREATE TABLE t (id BIGINT NOT NULL DEFAULT NEXTVAL(s) PRIMARY KEY, v INT);
INSERT INTO t (v) VALUES (10);
SQL
  dump "$kind" --skip-add-locks shop | sql "$kind" --database=copy
  see "$kind, the dump has a sequence, and its table uses another" $'s\tSEQUENCE\nt\tBASE TABLE\nnextval(`shop`.`s`)' \
    "$(sql "$kind" copy <<<"SHOW FULL TABLES; SELECT column_default FROM information_schema.columns WHERE table_schema = 'copy' AND table_name = 't' AND column_name = 'id'")"
  see "$kind, an insert into the copy draws from the original's sequence" $'shop\t3\ncopy\t2' \
    "$(sql "$kind" <<<"INSERT INTO copy.t (v) VALUES (20); SELECT 'shop', next_not_cached_value FROM shop.s; SELECT 'copy', next_not_cached_value FROM copy.s")"
  see "$kind, the original's sequence is dropped while tables use it" "no error" "$(why "$kind" <<<'DROP SEQUENCE shop.s')"
  see "$kind, an insert into the copy that names all columns" 1146 "$(why "$kind" <<<'INSERT INTO copy.t (id, v) VALUES (100, 100)')"
  see "$kind, an insert into the copy by position" 1146 "$(why "$kind" <<<'INSERT INTO copy.t VALUES (100, 100)')"
  see "$kind, an update of it" "no error" "$(why "$kind" <<<'UPDATE copy.t SET v = v + 1')"
done
