# shellcheck shell=bash
# Elasticsearch as Elastic publishes it for integration tests on Maven Central: the server without its optional modules.
# It has no `GET /`; its health is `_cluster/health`.

elasticsearch_release=9.5.3
elasticsearch_sha256=bec49f3b8d00e75c8d1cec85c35298635ec9fbd3ae80ef5aeb6bc05abdb3db2d

elasticsearch_url() {
  echo "http://127.0.0.1:$es_port"
}

elasticsearch_port() {
  echo "$es_port"
}

elasticsearch_get() {
  curl -sf --noproxy '*' --max-time 5 ${es_password:+-u "elastic:$es_password"} "$(elasticsearch_url)/$1" 2>/dev/null
}

elasticsearch_answers() {
  [[ $(elasticsearch_get '_cluster/health?filter_path=status') =~ (yellow|green) ]]
}

elasticsearch_version() {
  echo "Elasticsearch $(elasticsearch_get '_nodes/_local/info?filter_path=nodes.*.version' | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1)"
}

# The newest JDK of 21 or later. Each has a `release` file with its version.
elasticsearch_jdk() {
  local home version best='' best_version=20
  for home in "${ES_JAVA_HOME:-}" "${JAVA_HOME:-}" /usr/lib/jvm/* /opt/java/*; do
    [ -x "$home/bin/java" ] && [ -f "$home/release" ] || continue
    version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$home/release")
    if [ "${version:-0}" -gt "$best_version" ]; then best=$home best_version=$version; fi
  done
  echo "$best"
}

elasticsearch_install_jdk() {
  local package why='no JDK of version 21 or newer under /usr/lib/jvm'
  [ -z "$(elasticsearch_jdk)" ] || return 0
  is_root && command -v apt-get >/dev/null && apt-get -q update >"$data_root/apt.log" 2>&1
  for package in openjdk-25-jre-headless openjdk-21-jre-headless temurin-25-jdk; do
    if apt-cache policy "$package" 2>/dev/null | grep -qE 'Candidate: [0-9]'; then
      apt_install "$why" "$package"
      return
    fi
  done
  echo "$why, and this system has no package of one: install it and set ES_JAVA_HOME"
  return 1
}

elasticsearch_home() {
  echo "$data_root/elasticsearch-$elasticsearch_release"
}

elasticsearch_install() {
  local zip=$data_root/elasticsearch-$elasticsearch_release.zip unpacked
  elasticsearch_install_jdk || return 1
  command -v curl >/dev/null || apt_install 'curl is missing' curl || return 1
  [ ! -d "$(elasticsearch_home)" ] || return 0
  command -v unzip >/dev/null || apt_install 'unzip is missing' unzip || return 1
  if [ ! -f "$zip" ]; then
    command -v mvn >/dev/null || apt_install 'Maven, which fetches Elasticsearch, is not installed' maven || return 1
    mvn -q -B dependency:copy -DoutputDirectory="$data_root" -Dmdep.overWriteReleases=true \
      "-Dartifact=org.elasticsearch.distribution.integ-test-zip:elasticsearch:$elasticsearch_release:zip" \
      >"$data_root/maven.log" 2>&1 </dev/null 9>&- || { echo "Maven could not fetch Elasticsearch: $data_root/maven.log" && return 1; }
  fi
  # Pinned here, since not every mirror of Maven Central serves checksums.
  echo "$elasticsearch_sha256  $zip" | sha256sum --status -c || { rm -f "$zip" && echo 'the archive of Elasticsearch is not the pinned one: try again' && return 1; }
  # Unpacked aside and renamed: a half-unpacked folder is never taken for the real one.
  unpacked=$(mktemp -d "$data_root/unpack.XXXXXX")
  unzip -q "$zip" -d "$unpacked" || { rm -rf "$unpacked" && echo 'the archive of Elasticsearch could not be unpacked: is the disk full?' && return 1; }
  chmod -R a+rX "$unpacked"
  mv "$unpacked/elasticsearch-$elasticsearch_release" "$(elasticsearch_home)" && rmdir "$unpacked" && rm -f "$zip"
}

elasticsearch_configure() {
  local dir=$1
  rm -rf "$dir/config"
  cp -r "$(elasticsearch_home)/config" "$dir/config"
  # GC logs and heap dumps go to the log folder, not to the installation.
  sed -i -e '/^-Xlog:gc/d' -e '/HeapDumpOnOutOfMemoryError/d' -e "s#^-XX:ErrorFile=.*#-XX:ErrorFile=$dir/log/hs_err_pid%p.log#" "$dir/config/jvm.options"
  cat >"$dir/config/elasticsearch.yml" <<CONF
cluster.name: order-search-${join:-$instance}
node.name: $instance
path.data: $dir/data
path.logs: $dir/log
network.host: 127.0.0.1
http.port: $es_port
transport.port: $((es_port + 100))
xpack.security.enabled: $([ -n "$es_password" ] && echo true || echo false)
cluster.routing.allocation.disk.threshold_enabled: false
CONF
  elasticsearch_discovery >>"$dir/config/elasticsearch.yml"
  [ ! -d "$instance_dir/es-config" ] || cp -rT "$instance_dir/es-config" "$dir/config"
  [ -z "$es_password" ] || elasticsearch_keystore
}

# The superuser's password, before anybody has set one.
elasticsearch_keystore() {
  local keystore
  keystore=(env ES_JAVA_HOME="$(elasticsearch_jdk)" ES_PATH_CONF="$instance_dir/elasticsearch/config" "$(elasticsearch_home)/bin/elasticsearch-keystore")
  "${keystore[@]}" create >/dev/null 2>&1
  printf '%s' "$es_password" | "${keystore[@]}" add -x -s bootstrap.password 2>/dev/null
}

# A node that joins holds data and is never elected: of two that could be, none could be lost.
elasticsearch_discovery() {
  if [ -n "$join" ]; then
    echo 'node.roles: [data]'
    echo "discovery.seed_hosts: ['127.0.0.1:$(($(joined_port elasticsearch) + 100))']"
  else
    echo 'discovery.seed_hosts: []'
    echo "cluster.initial_master_nodes: [$instance]"
  fi
}

# Prints why when it fails.
elasticsearch_start() {
  local dir=$instance_dir/elasticsearch
  mkdir -p "$dir/data" "$dir/log" "$dir/tmp"
  elasticsearch_configure "$dir"
  own_folder "$dir"
  rm -f "$dir/server.pid" "$dir/pid"
  # The launcher stays as the server's parent; `-p` has the server write its own pid, which is the one to signal.
  launch "$dir/launcher.pid" "$dir/elasticsearch.out" PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 HOME="$dir/tmp" \
    ES_JAVA_HOME="$(elasticsearch_jdk)" ES_PATH_CONF="$dir/config" ES_TMPDIR="$dir/tmp" ES_JAVA_OPTS="-Xms$es_heap -Xmx$es_heap${es_short_lived:+ -XX:TieredStopAtLevel=1}" \
    "$(elasticsearch_home)/bin/elasticsearch" -p "$dir/server.pid"
  if wait_for_health elasticsearch 150 "$dir/launcher.pid" && [ -s "$dir/server.pid" ]; then
    write_pid_file "$dir/pid" "$(cat "$dir/server.pid")"
    return
  fi
  end_process "$dir/launcher.pid" 20
  echo "see $dir/elasticsearch.out: $(grep -m 1 -iE 'error|exception|fatal' "$dir/elasticsearch.out" || tail -n 1 "$dir/elasticsearch.out")"
  return 1
}

elasticsearch_after_stop() {
  process_gone "$instance_dir/elasticsearch/pid" || return 0
  end_process "$instance_dir/elasticsearch/launcher.pid" 20
}
