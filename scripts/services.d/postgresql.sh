# shellcheck shell=bash
# PostgreSQL of Debian's postgresql, as a cluster of our own; only the outbox and its example talk to it. No passwords: it listens on
# loopback only, and nothing of value is inside.

postgresql_url() {
  echo "postgres://postgres@127.0.0.1:$pg_port/postgres"
}

postgresql_port() {
  echo "$pg_port"
}

# The newest that is installed.
postgresql_program() {
  local folder
  folder=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
  if [ -x "$folder/$1" ]; then echo "$folder/$1"; fi
}

# To an SSLRequest a PostgreSQL answers with one byte: S or N.
postgresql_answers() {
  [ "$(
    (
      exec 3<>"/dev/tcp/127.0.0.1/$pg_port" || exit 0
      printf '\x00\x00\x00\x08\x04\xd2\x16\x2f' >&3
      timeout 3 head -c 1 <&3
    ) 2>/dev/null
  )" = N ]
}

postgresql_version() {
  local program
  program=$(postgresql_program postgres)
  if [ -n "$program" ]; then echo "PostgreSQL $("$program" --version | grep -oE '[0-9]+\.[0-9]+' | head -n 1)"; else echo PostgreSQL; fi
}

# Debian makes a cluster of its own with the package, which is not ours and is not started.
postgresql_install() {
  [ -n "$(postgresql_program initdb)" ] || apt_install 'PostgreSQL is not installed' postgresql
}

# Prints why when it fails.
postgresql_start() {
  local dir=$instance_dir/postgresql
  mkdir -p "$dir"
  own_folder "$dir"
  if [ ! -f "$dir/data/PG_VERSION" ]; then
    (cd / && ${unprivileged[@]+"${unprivileged[@]}"} env -i LANG=C.UTF-8 "$(postgresql_program initdb)" -D "$dir/data" -U postgres -A trust -E UTF8 \
      --locale=C.UTF-8 --no-sync) >"$dir/initdb.log" 2>&1 </dev/null 9>&- || { echo "initdb: $(tail -n 1 "$dir/initdb.log")" && return 1; }
  fi
  launch "$dir/pid" "$dir/postgresql.out" LANG=C.UTF-8 "$(postgresql_program postgres)" -D "$dir/data" -c listen_addresses=127.0.0.1 \
    -c port="$pg_port" -c unix_socket_directories= -c shared_buffers=32MB -c fsync=off
  wait_for_health postgresql 30 "$dir/pid" && return
  echo "see $dir/postgresql.out: $(tail -n 1 "$dir/postgresql.out")"
  return 1
}

postgresql_after_stop() {
  :
}
