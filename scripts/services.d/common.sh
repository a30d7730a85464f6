# shellcheck shell=bash
# What the services need: the data folder, the unprivileged user, processes with pid files. Sourced by scripts/services.

fail() {
  echo "scripts/services: $*" >&2
  exit 1
}

say_line() {
  printf '%-13s %-4s %s%s\n' "$1" "$2" "$3" "${4:+  ($4)}"
}

# Why a service is not there, on one line, where a caller can pick it up.
not_started() {
  say_line "$1" down "$("$1_url")" "not started: $2" >&2
  return 1
}

is_port() {
  [[ $1 =~ ^[0-9]+$ ]] && [ "$1" -ge 1024 ] && [ "$1" -le "$2" ] || fail "not a port between 1024 and $2: $1"
}

is_root() {
  [ "$(id -u)" = 0 ]
}

# Elasticsearch refuses to run as root; both services run as `nobody` then. `env -i` keeps the caller's settings out of them.
unprivileged=()
if is_root && command -v setpriv >/dev/null; then
  unprivileged=(setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups)
fi

settle_data_root() {
  umask 022
  data_root=${ORDER_SEARCH_SERVICES_DIR:-$repository/.services}
  mkdir -p "$data_root"
  if [ -z "${ORDER_SEARCH_SERVICES_DIR:-}" ] && is_root && ! "${unprivileged[@]}" test -x "$data_root"; then
    data_root=/var/lib/order-search/$(printf '%s' "$repository" | cksum | cut -d' ' -f1)
    mkdir -p "$data_root"
  fi
  data_root=$(cd "$data_root" && pwd)
  ! is_root || "${unprivileged[@]}" test -x "$data_root" || fail "the user nobody cannot reach $data_root: set ORDER_SEARCH_SERVICES_DIR"
}

# Where an instance is in memory, its folder is a link to there. One that leads nowhere is from before the machine was started, without
# settings nothing has ever been started in it, and what lies in memory without a link to it is nobody's any more.
settle_instance_dir() {
  instance_link=$data_root/instances/$instance
  instance_dir=$instance_link
  if [ "$command" = up ] && [ -L "$instance_link" ] && { [ ! -e "$instance_link" ] || { [ "$in_memory" = no ] && [ -z "$(living)" ]; }; }; then
    remove_instance
  fi
  if [ "$command $in_memory" = 'up yes' ] && [ ! -e "$instance_link/settings" ] && has_room_in_memory && [ "$(choose_mode)" = native ]; then
    remove_instance
    # Never into a folder that somebody else has put there.
    mkdir "$(memory_folder)"
    ln -s "$(memory_folder)" "$instance_link"
  fi
  [ ! -L "$instance_link" ] || instance_dir=$(readlink -f "$instance_link")
  case $command in up | down | restart) mkdir -p "$instance_dir" ;; esac
}

memory_folder() {
  echo "/dev/shm/order-search-$(printf '%s' "$instance_link" | cksum | cut -d' ' -f1)"
}

# Wherever its folder is.
remove_instance() {
  rm -rf "$instance_link" "$(memory_folder)"
}

# What is full there takes the processes' memory. Elasticsearch loads libraries from its folder for temporary files.
has_room_in_memory() {
  local free available
  free=$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1)
  available=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo 2>/dev/null)
  grep -qE '^[^ ]+ /dev/shm tmpfs ' /proc/mounts 2>/dev/null && ! grep -qE '^[^ ]+ /dev/shm [^ ]+ [^ ]*noexec' /proc/mounts &&
    [ "${free:-0}" -ge $((4 * 1024 * 1024)) ] && [ "${available:-0}" -ge $((6 * 1024 * 1024)) ]
}

# The pids of what this script has started in the instance and has not ended, launchers and helpers too.
living() {
  local file
  for file in "$instance_dir"/*/pid "$instance_dir"/*/*.pid; do live_pid "$file"; done
}

remember_settings() {
  echo "$amqp_port $es_port $es_heap $mode $pg_port $join" >"$instance_dir/settings"
  [ -z "$es_config" ] || cp -rT "$es_config" "$instance_dir/es-config"
  [ -z "$es_password" ] || (umask 077 && printf '%s' "$es_password" >"$instance_dir/es-password")
}

forget_instance() {
  if [ "$purge" = no ] && [ ! -L "$instance_link" ]; then return 0; fi
  if [ -n "$(pid_one rabbitmq; pid_one elasticsearch; pid_one postgresql; living)" ]; then
    [ "$purge" = no ] || fail "instance $instance still runs: --purge goes with all services down"
    return 0
  fi
  remove_instance
}

# joined_port SERVICE: of the instance that this one joins, its own where it joins none.
joined_port() {
  local amqp=$amqp_port es=$es_port
  [ -z "$join" ] || read -r amqp es _ <"$data_root/instances/$join/settings" || fail "there is no instance $join to join"
  case $1 in rabbitmq) echo "$amqp" ;; elasticsearch) echo "$es" ;; esac
}

# One up, down or restart of an instance at a time. The lock outlives the instance's folder.
locked() {
  mkdir -p "$data_root/instances"
  command -v flock >/dev/null || return 0
  exec 9>"$data_root/instances/.$instance.lock"
  flock -w 300 9 || fail "another scripts/services works on instance $instance"
}

# A folder of this instance that the service's user may write to.
own_folder() {
  mkdir -p "$1"
  if is_root; then chown -R nobody: "$1"; fi
}

# Process start time: with it a pid file cannot name another process that got the same pid later. Empty for a dead one, also for
# one that nobody has reaped; a zombie whose other threads still end (and hold its sockets) is not dead yet.
process_identity() {
  local stat
  if [ -d /proc/self ]; then
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
    stat=${stat##*) }
    case $stat in Z* | X*) [ "$(cd "/proc/$1/task" 2>/dev/null && echo *)" != "$1" ] || return 0 ;; esac
    cut -d' ' -f20 <<<"$stat"
  else
    ps -o lstart= -p "$1" 2>/dev/null || true
  fi
}

write_pid_file() {
  echo "$2 $(process_identity "$2")" >"$1"
}

# Prints the pid of a pid file's process while that very process lives.
live_pid() {
  local pid identity
  [ -f "$1" ] || return 0
  read -r pid identity <"$1" || return 0
  [ -n "$identity" ] && [ "$(process_identity "$pid")" = "$identity" ] && echo "$pid" || true
}

# launch PID_FILE LOG COMMAND...: in a session of its own, as the unprivileged user, with none of the caller's descriptors
# (a caller that reads our output to its end must not wait for the service).
launch() {
  local pid_file=$1 log=$2
  shift 2
  (
    for descriptor in /proc/"$BASHPID"/fd/*; do
      descriptor=${descriptor##*/}
      if [[ $descriptor =~ ^[0-9]+$ ]] && [ "$descriptor" -gt 2 ]; then eval "exec $descriptor>&-"; fi
    done
    cd /
    exec setsid ${unprivileged[@]+"${unprivileged[@]}"} env -i "$@" </dev/null >>"$log" 2>&1
  ) >/dev/null 2>&1 </dev/null &
  write_pid_file "$pid_file" $!
}

# end_process PID_FILE SECONDS: asks, waits, then insists.
end_process() {
  local pid
  pid=$(live_pid "$1")
  if [ -n "$pid" ]; then
    kill -CONT "$pid" 2>/dev/null || true
    kill -TERM "$pid" 2>/dev/null || true
    wait_until "$2" process_gone "$1" || kill -KILL "$pid" 2>/dev/null || true
    wait_until 10 process_gone "$1" || fail "pid $pid does not end"
  fi
  rm -f "$1"
}

process_gone() {
  [ -z "$(live_pid "$1")" ]
}

# wait_until SECONDS COMMAND...
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.2
  done
}

port_open() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# wait_for_health SERVICE SECONDS PID_FILE: until it answers; gives up as soon as its process has ended.
wait_for_health() {
  local deadline=$((SECONDS + $2))
  until "$1_answers"; do
    [ -n "$(live_pid "$3")" ] || return 1
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.3
  done
}

# apt_install REASON PACKAGE...: where we may. Debian starts a service that it installs; ours must not take the port.
apt_install() {
  local why=$1 blocker=/usr/sbin/policy-rc.d status=0
  shift
  if ! command -v apt-get >/dev/null || ! is_root; then
    echo "$why (as root on Debian or Ubuntu: apt-get install $*)"
    return 1
  fi
  if [ -e "$blocker" ]; then blocker=''; else printf '#!/bin/sh\nexit 101\n' >"$blocker" && chmod 755 "$blocker"; fi
  {
    apt-get -q -o DPkg::Lock::Timeout=300 update &&
      DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"
  } >"$data_root/apt.log" 2>&1 </dev/null 9>&- || status=1
  [ -z "$blocker" ] || rm -f "$blocker"
  [ $status = 0 ] || echo "$why (apt-get could not install $*: $data_root/apt.log)"
  return $status
}

native_pid() {
  live_pid "$instance_dir/$1/pid"
}

native_up() {
  local why
  if "$1_answers"; then
    status_one "$1"
    return
  fi
  [ "$(uname -s)" = Linux ] || { not_started "$1" 'natively only on Linux; start Docker'; return 1; }
  ! is_root || [ ${#unprivileged[@]} -gt 0 ] || { not_started "$1" 'setpriv (util-linux) is missing'; return 1; }
  if ! process_gone "$instance_dir/$1/pid"; then end_process "$instance_dir/$1/pid" 30; fi
  ! port_open "$("$1_port")" || { not_started "$1" "something else listens on port $("$1_port")"; return 1; }
  why=$("$1_install") || { not_started "$1" "$why"; return 1; }
  why=$("$1_start") || { not_started "$1" "$why"; return 1; }
  status_one "$1"
}

native_down() {
  if [ -n "$(native_pid "$1")" ]; then
    end_process "$instance_dir/$1/pid" 60
    say_line "$1" down "$("$1_url")" stopped
  elif "$1_answers"; then
    say_line "$1" up "$("$1_url")" 'left alone: not started by this script'
  else
    say_line "$1" down "$("$1_url")"
  fi
  "$1_after_stop"
}

# Dead, and its port refuses.
native_gone() {
  process_gone "$instance_dir/$1/pid" && ! port_open "$("$1_port")"
}

native_signal() {
  local pid
  pid=$(native_pid "$1")
  [ -n "$pid" ] || fail "$1 of instance $instance does not run"
  kill -s "$2" "$pid"
  [ "$2" != KILL ] || wait_until 10 native_gone "$1" || fail "pid $pid does not end"
}
