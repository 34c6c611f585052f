#!/usr/bin/env bash
# MySQL 5.7: SHOW GRANTS writes a quote in a user's name bare, so that its output is no SQL.
#
# Seen on MySQL 5.7.29. A user o'brien, a valid name, comes as 'o'brien'@'localhost' from SHOW GRANTS; the same
# server's SHOW CREATE USER escapes the quote. information_schema's GRANTEE has it bare on MySQL 9.7.4
# and MariaDB 10.11.19 and 11.8.9, too, whose SHOW GRANTS puts names in backticks.
#
# For moves of accounts: the output of SHOW GRANTS, run as it is, fails with 1064 for such a user. The
# account's name has to come from mysql.user, and be quoted by the tool.
set -euo pipefail
. "$(dirname "$0")/lib/servers.sh"

for kind in mariadb10 mariadb11 mysql57 mysql9; do
  start "$kind" "$kind"
  sql "$kind" <<<"CREATE USER 'o''brien'@localhost; CREATE DATABASE d; GRANT SELECT ON d.* TO 'o''brien'@localhost"
  case $kind in
    mysql57) line="GRANT SELECT ON \`d\`.* TO 'o'brien'@'localhost'" again=1064 ;;
    *) line="GRANT SELECT ON \`d\`.* TO \`o'brien\`@\`localhost\`" again="no error" ;;
  esac
  grants=$(sql "$kind" --raw <<<"SHOW GRANTS FOR 'o''brien'@localhost" | tail -1)
  see "$kind, SHOW GRANTS" "$line" "$grants"
  see "$kind, run again" "$again" "$(why "$kind" <<<"$grants;")"
  see "$kind, GRANTEE in information_schema" "'o'brien'@'localhost'" \
    "$(sql "$kind" --raw <<<"SELECT grantee FROM information_schema.schema_privileges WHERE grantee LIKE '%brien%'")"
done
see "mysql57, SHOW CREATE USER" "CREATE USER 'o\\'brien'@'localhost'" \
  "$(sql mysql57 --raw <<<"SHOW CREATE USER 'o''brien'@localhost" | sed 's/ IDENTIFIED.*//')"
