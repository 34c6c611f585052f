#!/usr/bin/env bash
# MySQL 9: SHOW CREATE TABLE tells another text of a table that was made from its own text.
#
# Seen on MySQL 9.7.4; MySQL 5.7.29 and MariaDB 10.11.19 tell the same text again. A column that
# follows its table's collation is told as `COLLATE utf8mb4_bin`. A table made from that text has
# the collation by its column's own definition, and is told as `CHARACTER SET utf8mb4 COLLATE
# utf8mb4_bin`. The third table, made from the second text, is told like the second one. Types,
# lengths, character sets and collations are the same in all of them.
#
# For whoever compares a copy's structure with its source by dumps: a dump, restored and dumped
# anew, differs at each such column once. Whoever tells structures apart has to compare character
# sets and collations, not texts.
set -euo pipefail
. "$(dirname "$0")/lib/servers.sh"

# The text of a table's column.
told() { sql "$1" --raw d <<<"SHOW CREATE TABLE $2" | grep '`v`' | sed 's/^ *//; s/,$//'; }

# Makes a table from another one's text.
remake() { sql "$1" d <<<"$(sql "$1" --raw d <<<"SHOW CREATE TABLE $2" | cut -f2- | sed "s/\`$2\`/\`$3\`/")"; }

for kind in mariadb10 mysql57 mysql9; do
  start "$kind" "$kind"
  sql "$kind" <<<"CREATE DATABASE d; CREATE TABLE d.one (v VARCHAR(9) NOT NULL) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
  remake "$kind" one two
  remake "$kind" two three
  short='`v` varchar(9) COLLATE utf8mb4_bin NOT NULL' long='`v` varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL'
  case $kind in
    mysql9) second=$long ;;
    mysql57) second=$short ;;
    *) short='`v` varchar(9) NOT NULL' second='`v` varchar(9) NOT NULL' ;;
  esac
  see "$kind, as it was made" "$short" "$(told "$kind" one)"
  see "$kind, made from that text" "$second" "$(told "$kind" two)"
  see "$kind, made from that one" "$second" "$(told "$kind" three)"
  see "$kind, character set and collation of all three" $'utf8mb4\tutf8mb4_bin\t3' \
    "$(sql "$kind" <<<"SELECT character_set_name, collation_name, COUNT(*) FROM information_schema.columns WHERE table_schema = 'd' GROUP BY 1, 2")"
done
