#!/usr/bin/env bash
# MariaDB: a text with an introducer in a CHECK is kept as another text, so that rows are held to something else.
#
# Seen on MariaDB 10.11.19 and 11.8.9. A table's CHECK (a generated column and a default likewise) is kept as the
# server prints it. Behind an introducer (_utf8mb4'ä') it prints each byte beyond ASCII, and what a backslash
# stands before, as x and two digits: _utf8mb4'xC3xA4', _utf8mb4'a\x08'. Neither is an escape of its own: read
# again they are the letters x, C, 3 … . No error and no warning tells of it: the first row that the CHECK was made
# to refuse is taken. The same texts without an introducer are kept and held to as they were given.
# MySQL 9.7.4 writes an introducer before each text of an expression, in SHOW CREATE TABLE and in its dumps: a
# dump of MySQL's is loaded without a word, and its CHECK lets pass what it forbids.
#
# For moves from MySQL to MariaDB: the introducer of the session's own character set has to go.
set -euo pipefail
. "$(dirname "$0")/lib/servers.sh"

columns() { printf "(id INT PRIMARY KEY, d VARCHAR(9) CHECK (d <> %s'a\\\\\\\\b'), e VARCHAR(9) CHECK (e <> %s'ä')) CHARSET utf8mb4" "$1" "$1"; }
refused() { why "$1" --default-character-set=utf8mb4 d <<<"INSERT INTO $2 VALUES (RAND() * 1000000, $3)"; }

start mysql9 mysql9
sql mysql9 --default-character-set=utf8mb4 <<<"CREATE DATABASE d; CREATE TABLE d.t $(columns '')"
see "mysql9 writes introducers" 2 "$(sql mysql9 --raw --default-character-set=utf8mb4 d <<<'SHOW CREATE TABLE t' | grep -c "<> _utf8mb4'")"
see "mysql9 refuses" "3819 3819" "$(refused mysql9 t "'a\\\\b', 'x'") $(refused mysql9 t "'x', 'ä'")"

for kind in mariadb10 mariadb11; do
  start "$kind" "$kind"
  sql "$kind" --default-character-set=utf8mb4 <<<"CREATE DATABASE d; CREATE TABLE d.plain $(columns '')"
  see "$kind, warnings at the introduced texts" "" "$(sql "$kind" --default-character-set=utf8mb4 d \
    <<<"CREATE TABLE introduced $(columns _utf8mb4); SHOW WARNINGS")"
  see "$kind, plain texts refuse" "4025 4025" "$(refused "$kind" plain "'a\\\\b', 'x'") $(refused "$kind" plain "'x', 'ä'")"
  see "$kind shows" $'_utf8mb4\'a\\x08\'\n_utf8mb4\'xC3xA4\'' \
    "$(sql "$kind" --raw --default-character-set=utf8mb4 d <<<'SHOW CREATE TABLE introduced' | grep -o "_utf8mb4'[^']*'")"
  see "$kind, introduced texts take both rows" "no error no error" \
    "$(refused "$kind" introduced "'a\\\\b', 'x'") $(refused "$kind" introduced "'x', 'ä'")"
done
