#!/usr/bin/env bash
# MariaDB 11.8 takes MySQL's collation utf8mb4_0900_ai_ci, and compares by another Unicode.
#
# Seen on MariaDB 11.8.9 and MySQL 9.7.4. MySQL's default collation, by Unicode 9, is accepted by MariaDB
# 11.8 and shown under that name, while its weights are those of utf8mb4_uca1400_nopad_ai_ci, by
# Unicode 14 (10.11.19 refuses the name, 1273).
# Characters that are two on MySQL are one on MariaDB: the Georgian capitals, letter by letter, and
# digits of several scripts; and some that are one on MySQL are two on MariaDB: the Hangul syllable 가
# and the circled ㉮. So a unique key that held on MySQL fails at the load (1062), and rows
# that WHERE, GROUP BY and JOIN took as one fall apart, with the same name in both schemas.
#
# For moves to MariaDB: that the name is known proves nothing; unique keys over text must be
# checked by the target's order, or created with the data, not after it.
set -euo pipefail
. "$(dirname "$0")/lib/servers.sh"

made="CREATE DATABASE d CHARACTER SET utf8mb4; USE d;
CREATE TABLE t (v VARCHAR(9) PRIMARY KEY) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci"
start mariadb10 mariadb10
see "mariadb10, the table" 1273 "$(why mariadb10 <<<"$made")"

for kind in mysql9 mariadb11; do
  start "$kind" "$kind"
  see "$kind, the table" "no error" "$(why "$kind" <<<"$made")"
  case $kind in
    mysql9) georgian="no error" digits="no error" hangul=1062 ;;
    *) georgian=1062 digits=1062 hangul="no error" ;;
  esac
  see "$kind, the column's collation" utf8mb4_0900_ai_ci "$(sql "$kind" <<<"SELECT collation_name FROM information_schema.columns WHERE table_schema = 'd'")"
  see "$kind, Georgian U+10D0 and its capital U+1C90 in a unique key" "$georgian" "$(why "$kind" d <<<"INSERT INTO t VALUES ('ა'), ('Ა')")"
  see "$kind, 7 and U+1FBF7, segmented digit seven" "$digits" "$(why "$kind" d <<<"INSERT INTO t VALUES ('7'), (_utf8mb4 0xF09FAFB7)")"
  see "$kind, Hangul U+AC00 and the circled U+326E" "$hangul" "$(why "$kind" d <<<"INSERT INTO t VALUES ('가'), ('㉮')")"
done
see "mariadb11, weights by its own collation and by MySQL's name" $'1\t1' "$(sql mariadb11 <<<"
SELECT WEIGHT_STRING('Ა' COLLATE utf8mb4_0900_ai_ci) = WEIGHT_STRING('ა' COLLATE utf8mb4_uca1400_nopad_ai_ci),
  WEIGHT_STRING('가' COLLATE utf8mb4_0900_ai_ci) = WEIGHT_STRING('가' COLLATE utf8mb4_uca1400_nopad_ai_ci)")"
