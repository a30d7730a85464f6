#!/usr/bin/env bash
# Makes the user as which the service comes to Elasticsearch, with the role of role.json beside this file. Both are put as they shall be, so it
# may be run again at any time: a changed role, or password, holds from then on. docker-compose.yml runs it before it starts the service.
#   ELASTICSEARCH_URL, ELASTIC_PASSWORD               a node, and the password of its superuser `elastic`
#   ELASTICSEARCH_USERNAME, ELASTICSEARCH_PASSWORD    the user to make
#   ELASTICSEARCH_CA                                  for https:// with an authority of one's own: its certificate, PEM
set -euo pipefail
role=order-search

# put PATH, the body at standard input. What may pass (no connection yet, 429, 5xx) is tried again, for a minute.
put() {
  curl -sS -f -o /dev/null --noproxy '*' --retry 60 --retry-delay 1 --retry-max-time 60 --retry-connrefused \
    ${ELASTICSEARCH_CA:+--cacert "$ELASTICSEARCH_CA"} \
    -u "elastic:$ELASTIC_PASSWORD" -X PUT -H 'Content-Type: application/json' --data-binary @- "$ELASTICSEARCH_URL$1"
}

# As a JSON string.
quoted() {
  local text=$1
  text=${text//\\/\\\\}
  printf '"%s"' "${text//\"/\\\"}"
}

put "/_security/role/$role" <"$(dirname "${BASH_SOURCE[0]}")/role.json"
put "/_security/user/$ELASTICSEARCH_USERNAME" <<<"{\"password\": $(quoted "$ELASTICSEARCH_PASSWORD"), \"roles\": [\"$role\"]}"
echo "the user $ELASTICSEARCH_USERNAME has the role $role"
