#!/usr/bin/env bash
# MySQL 9 refuses a foreign key to columns that are not a whole unique key, foreign_key_checks = 0
# notwithstanding.
#
# Seen on MySQL 9.7.4; MySQL 5.7.29 and MariaDB 10.11.19 and 11.8.9 accept both tables below. InnoDB lets a
# foreign key refer to the leading columns of any index. MySQL 9 has restrict_fk_on_non_standard_key, ON
# by default, and answers 6125. foreign_key_checks = 0, with which dumps are loaded, does not
# turn that off; the variable does, for a session, and an account without any global privilege may
# set it.
#
# For moves from MariaDB or MySQL 5.7: such a schema has to be found before the load, which fails
# in the middle otherwise. If the parent does not exist yet, the foreign key is accepted under
# foreign_key_checks = 0, and it is the parent's creation that is refused.
set -euo pipefail
. "$(dirname "$0")/lib/servers.sh"

for kind in mariadb10 mariadb11 mysql57 mysql9; do
  start "$kind" "$kind"
  sql "$kind" <<'SQL'
CREATE DATABASE d; USE d;
CREATE TABLE plain (a INT, KEY (a));
CREATE TABLE part (a INT, b INT, UNIQUE KEY (a, b));
SQL
  if [ "$kind" = mysql9 ]; then answer=6125; else answer="no error"; fi
  see "$kind, foreign key to a plain key" "$answer" "$(why "$kind" d <<<'CREATE TABLE c1 (a INT, FOREIGN KEY (a) REFERENCES plain (a))')"
  see "$kind, foreign key to the first column of a unique key" "$answer" "$(why "$kind" d <<<'CREATE TABLE c2 (a INT, FOREIGN KEY (a) REFERENCES part (a))')"
  see "$kind, the same with foreign_key_checks = 0" "$answer" \
    "$(why "$kind" d <<<'SET foreign_key_checks = 0; CREATE TABLE c3 (a INT, FOREIGN KEY (a) REFERENCES plain (a))')"
done
see "mysql9, child first, without checks" "no error" \
  "$(why mysql9 d <<<'SET foreign_key_checks = 0; CREATE TABLE c4 (a INT, FOREIGN KEY (a) REFERENCES later (a))')"
see "mysql9, then the parent" 6125 "$(why mysql9 d <<<'SET foreign_key_checks = 0; CREATE TABLE later (a INT, KEY (a))')"
see "mysql9, with restrict_fk_on_non_standard_key = 0" "no error" \
  "$(why mysql9 d <<<'SET restrict_fk_on_non_standard_key = 0; CREATE TABLE c5 (a INT, FOREIGN KEY (a) REFERENCES plain (a))')"
sql mysql9 <<<"CREATE USER u@localhost; GRANT ALL ON d.* TO u@localhost"
see "mysql9, an account with all rights on the database sets it, too" "no error" "$(why mysql9 --user=u d <<<'SET restrict_fk_on_non_standard_key = 0')"
