#!/usr/bin/env bash
# MySQL 9: information_schema names no character set for an ENUM or SET of CHARACTER SET binary.
#
# Seen on MySQL 9.7.4, as against MySQL 5.7.29 and MariaDB 10.11.19 and 11.8.9. An ENUM with
# CHARACTER SET binary stays an ENUM (CHAR, VARCHAR and TEXT become BINARY, VARBINARY and BLOB).
# MariaDB and MySQL 5.7 say "binary" for it in information_schema.COLUMNS; MySQL 9 says NULL, as it
# does for numbers, while SHOW CREATE TABLE tells the set and its collation.
#
# For whoever makes tables from information_schema: with NULL left out, the copy gets the table's
# default character set: labels compare without regard to case, and ENUM('a','A') is refused for
# a duplicated value (1291). SHOW CREATE TABLE has to be read.
set -euo pipefail
. "$(dirname "$0")/lib/servers.sh"

for kind in mariadb10 mariadb11 mysql57 mysql9; do
  start "$kind" "$kind"
  sql "$kind" <<<"CREATE DATABASE d; CREATE TABLE d.t (e ENUM('a','A') CHARACTER SET binary, s SET('b') CHARACTER SET binary, v ENUM('c'))"
  case $kind in
    mysql9) named=$'e\tNULL\tNULL\ns\tNULL\tNULL' shown="ENUM('a','A') CHARACTER SET binary COLLATE binary DEFAULT NULL" ;;
    *) named=$'e\tbinary\tbinary\ns\tbinary\tbinary' shown="ENUM('a','A') CHARACTER SET binary DEFAULT NULL" ;;
  esac
  see "$kind, information_schema.COLUMNS" "$named" \
    "$(sql "$kind" <<<"SELECT column_name, character_set_name, collation_name FROM information_schema.columns WHERE table_schema = 'd' AND column_name <> 'v' ORDER BY ordinal_position")"
  see "$kind, SHOW CREATE TABLE" "  \`e\` ${shown/ENUM/enum}," "$(sql "$kind" --raw <<<'SHOW CREATE TABLE d.t' | grep '`e`')"
done
see "mysql9, the table without the character set that it does not name" 1291 "$(why mysql9 d <<<"CREATE TABLE copy (e ENUM('a','A'))")"
