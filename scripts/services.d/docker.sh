# shellcheck shell=bash
# The same services by Docker Compose, where an engine answers: docker-compose.yml's, without passwords, on loopback.

choose_mode() {
  case ${ORDER_SEARCH_SERVICES:-} in
    native | docker) echo "$ORDER_SEARCH_SERVICES" ;;
    '') if docker_engine_answers; then echo docker; else echo native; fi ;;
    *) fail 'ORDER_SEARCH_SERVICES is native or docker' ;;
  esac
}

docker_engine_answers() {
  local patience=()
  if command -v timeout >/dev/null; then patience=(timeout 10); fi
  command -v docker >/dev/null && ${patience[@]+"${patience[@]}"} docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1
}

# docker-compose.yml wants the service's secrets even where only the services are started; nothing here uses these.
docker_compose() {
  AMQP_PORT=$amqp_port ELASTICSEARCH_PORT=$es_port ELASTICSEARCH_HEAP=$es_heap PG_PORT=$pg_port \
    RABBITMQ_USER=guest RABBITMQ_PASSWORD=guest ELASTIC_PASSWORD=unused ELASTICSEARCH_PASSWORD=unused AUTH_JWT_SECRET=unused \
    docker compose --project-name "order-search-services-$instance" --project-directory "$repository" --profile one-node \
    -f "$repository/docker-compose.yml" -f "$repository/deploy/docker/services.yml" "$@" </dev/null 9>&-
}

docker_pid() {
  local container
  container=$(docker_compose ps -q "$1" 2>/dev/null) || return 0
  [ -n "$container" ] || return 0
  docker inspect -f '{{if .State.Running}}{{.State.Pid}}{{end}}' "$container" 2>/dev/null || true
}

docker_up() {
  if [ -z "$(docker_pid "$1")" ] && "$1_answers"; then
    status_one "$1"
    return
  fi
  docker_compose up -d --wait --wait-timeout 180 "$1" >"$instance_dir/$1.compose.log" 2>&1 ||
    { not_started "$1" "docker compose: $(tail -n 1 "$instance_dir/$1.compose.log")"; return 1; }
  status_one "$1"
}

docker_down() {
  docker_compose stop "$1" >/dev/null 2>&1 || true
  docker_compose rm -f "$1" >/dev/null 2>&1 || true
  if [ "$purge" = yes ]; then docker_compose down --volumes >/dev/null 2>&1 || true; fi
  say_line "$1" down "$("$1_url")" stopped
}

docker_signal() {
  case $2 in
    STOP) docker_compose pause "$1" >/dev/null 2>&1 ;;
    CONT) docker_compose unpause "$1" >/dev/null 2>&1 ;;
    *) docker_compose kill -s "$2" "$1" >/dev/null 2>&1 ;;
  esac || fail "docker compose could not send $2 to $1 of instance $instance"
}
