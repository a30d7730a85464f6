# shellcheck shell=bash
# RabbitMQ of Debian's rabbitmq-server, as a node of our own: own name, data, cookie and epmd, never the system's service.

rabbitmq_url() {
  echo "amqp://guest:guest@127.0.0.1:$amqp_port"
}

rabbitmq_port() {
  echo "$amqp_port"
}

# A broker answers the protocol header with a method frame, Connection.Start; its version stands among the server's properties.
# Prints the version; `unknown` where there is none.
rabbitmq_greeting() {
  (
    exec 3<>"/dev/tcp/127.0.0.1/$amqp_port" || exit 0
    printf 'AMQP\x00\x00\x09\x01' >&3
    read -r type _ _ _ _ high low < <(timeout 3 head -c 7 <&3 | od -An -tu1)
    [ "${type:-}" = 1 ] || exit 0
    version=$(timeout 3 head -c $((high * 256 + low)) <&3 | tr -d '\0' | LC_ALL=C grep -aoE 'versionS.[0-9]+\.[0-9]+\.[0-9]+')
    version=${version:9}
    echo "${version:-unknown}"
  ) 2>/dev/null
}

rabbitmq_answers() {
  [ -n "$(rabbitmq_greeting)" ]
}

rabbitmq_version() {
  echo "RabbitMQ $(rabbitmq_greeting)"
}

rabbitmq_server_script() {
  local candidate
  for candidate in /usr/lib/rabbitmq/bin/rabbitmq-server /opt/rabbitmq/sbin/rabbitmq-server; do
    if [ -x "$candidate" ]; then echo "$candidate" && return; fi
  done
}

rabbitmq_install() {
  [ -n "$(rabbitmq_server_script)" ] || apt_install 'RabbitMQ is not installed' rabbitmq-server
}

# The two ports that Erlang's distribution needs, away from the range of ports of outgoing connections.
rabbitmq_distribution_port() { echo $((amqp_port + 20000)); }
# Nodes of a cluster find each other by one epmd.
rabbitmq_epmd_port() { echo $(($(joined_port rabbitmq) + 21000)); }

rabbitmq_configure() {
  local dir=$1
  cat >"$dir/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$amqp_port
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = $((amqp_port + 10020))
disk_free_limit.absolute = 100MB
log.console = false
log.file.level = info
CONF
  # A node without data joins at its first start, and is a member from then on.
  [ -z "$join" ] || cat >>"$dir/rabbitmq.conf" <<CONF
cluster_formation.peer_discovery_backend = classic_config
cluster_formation.classic_config.nodes.1 = order-search-$join@localhost
cluster_formation.classic_config.nodes.2 = order-search-$instance@localhost
CONF
  echo '[rabbitmq_consistent_hash_exchange,rabbitmq_prometheus].' >"$dir/enabled_plugins"
  : >"$dir/rabbitmq-env.conf"
}

rabbitmq_environment() {
  local dir=$1
  cat <<ENV
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LANG=C.UTF-8
HOME=$dir/home
RUNNING_UNDER_SYSTEMD=true
RABBITMQ_NODENAME=order-search-$instance@localhost
RABBITMQ_CONF_ENV_FILE=$dir/rabbitmq-env.conf
RABBITMQ_CONFIG_FILE=$dir/rabbitmq.conf
RABBITMQ_ENABLED_PLUGINS_FILE=$dir/enabled_plugins
RABBITMQ_MNESIA_BASE=$dir/data
RABBITMQ_LOG_BASE=$dir/log
RABBITMQ_DIST_PORT=$(rabbitmq_distribution_port)
ERL_EPMD_PORT=$(rabbitmq_epmd_port)
ERL_EPMD_ADDRESS=127.0.0.1
RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none
ENV
}

# Prints why when it fails.
rabbitmq_start() {
  local dir=$instance_dir/rabbitmq environment
  mkdir -p "$dir/home" "$dir/data" "$dir/log"
  rabbitmq_configure "$dir"
  [ -z "$join" ] || install -m 400 "$data_root/instances/$join/rabbitmq/home/.erlang.cookie" "$dir/home/.erlang.cookie"
  own_folder "$dir"
  mapfile -t environment < <(rabbitmq_environment "$dir")
  # Its own epmd, in the foreground, so that `down` knows its pid; Erlang would start a daemon that outlives everything.
  if [ -z "$join" ] && process_gone "$dir/epmd.pid"; then
    launch "$dir/epmd.pid" "$dir/epmd.out" "${environment[@]}" epmd
    wait_until 10 port_open "$(rabbitmq_epmd_port)" || { echo "epmd does not listen: $dir/epmd.out" && return 1; }
  fi
  launch "$dir/pid" "$dir/rabbitmq.out" "${environment[@]}" "$(rabbitmq_server_script)"
  wait_for_health rabbitmq 90 "$dir/pid" && return
  echo "see $dir/rabbitmq.out and $dir/log: $(grep -m 1 -iE 'error|fail' "$dir/rabbitmq.out" || tail -n 1 "$dir/rabbitmq.out")"
  return 1
}

# As the node's own user and with its cookie.
rabbitmq_ctl() {
  local dir=$instance_dir/rabbitmq environment
  mapfile -t environment < <(rabbitmq_environment "$dir")
  (cd / && ${unprivileged[@]+"${unprivileged[@]}"} env -i "${environment[@]}" "$(dirname "$(rabbitmq_server_script)")/rabbitmqctl" "$@")
}

rabbitmq_after_stop() {
  process_gone "$instance_dir/rabbitmq/pid" || return 0
  end_process "$instance_dir/rabbitmq/epmd.pid" 10
}
