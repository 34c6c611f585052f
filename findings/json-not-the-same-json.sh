#!/usr/bin/env bash
# MariaDB and MySQL do not agree on what is JSON, and MySQL 5.7 and 9 not on which duplicate key counts.
#
# Seen on MariaDB 10.11.19 and 11.8.9, MySQL 5.7.29 and 9.7.4, on columns of type JSON.
#  - Nesting: MariaDB takes 31 levels, MySQL 100. A document of 32 levels is refused by the CHECK
#    json_valid() that a JSON column has on MariaDB (4025).
#  - MariaDB takes [1e400], beyond a double, and [1.], which no standard knows; MySQL refuses both.
#  - MariaDB keeps the text as it came. MySQL keeps values: 0.10 becomes 0.1, 1E2 becomes 100.0 on 9 and
#    100 on 5.7, an integer beyond 64 bits a double, whose last digit differs between 5.7 and 9.
#  - {"a": 2, "a": 3}: MySQL 9 keeps the last, 5.7 the first, MariaDB the text with both, of which
#    JSON_VALUE reads the first. By a move a document's value changes without an error.
set -euo pipefail
. "$(dirname "$0")/lib/servers.sh"

deep() { printf "SELECT CONCAT(REPEAT('[', %d), REPEAT(']', %d))" "$1" "$1"; }
two='{"a": 2, "a": 3}'
text='{"d": 0.10, "e": 1E2, "n": 123456789012345678901}'

for kind in mariadb10 mariadb11 mysql57 mysql9; do
  start "$kind" "$kind"
  sql "$kind" <<<'CREATE DATABASE d; CREATE TABLE d.t (j JSON)'
  case $kind in
    mariadb*) levels="no error 4025 4025" odd="no error no error" kept="$two"$'\n'"$text" ;;
    mysql57) levels="no error no error no error" odd="3140 3140" kept=$'{"a": 2}\n{"d": 0.1, "e": 100, "n": 1.2345678901234567e20}' ;;
    mysql9) levels="no error no error no error" odd="3140 3140" kept=$'{"a": 3}\n{"d": 0.1, "e": 100.0, "n": 1.2345678901234568e20}' ;;
  esac
  see "$kind, 31, 32 and 100 levels" "$levels" \
    "$(for n in 31 32 100; do why "$kind" d <<<"INSERT INTO t $(deep $n)"; done | tr '\n' ' ' | sed 's/ $//')"
  see "$kind, [1e400] and [1.]" "$odd" "$(why "$kind" d <<<"INSERT INTO t VALUES ('[1e400]')") $(why "$kind" d <<<"INSERT INTO t VALUES ('[1.]')")"
  see "$kind, what is kept of $two and $text" "$kept" \
    "$(sql "$kind" --raw d <<<"DELETE FROM t; INSERT INTO t VALUES ('$two'); SELECT j FROM t; DELETE FROM t; INSERT INTO t VALUES ('$text'); SELECT j FROM t")"
done
see "mariadb10, which a it reads" 2 "$(sql mariadb10 <<<"SELECT JSON_VALUE('$two', '\$.a')")"
