#!/usr/bin/env bash
# Measures everything `bench text` can, Charge and its peers in turn, and writes the tables of RESULTS.md.
#
#   bench/run-all.sh                        all of it, about 20 minutes on two cores
#   RUNS=1 RUN_SECONDS=2 bench/run-all.sh   a quick look
#   ONLY=paced bench/run-all.sh             one mode
#   SERVERS="charge ws" bench/run-all.sh    some servers
#
# Charge and the peers take turns within each piece of work, so that a busy minute hits them alike. A measurement that
# fails is named at the end and makes the script fail; the others still count. Records: target/bench/records.jsonl.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

runs=${RUNS:-3}
seconds=${RUN_SECONDS:-5}
servers=${SERVERS:-charge ws socketio nats}
records=${RECORDS:-target/bench/records.jsonl}
mkdir -p "$(dirname "$records")" target/bench/data

cargo build --release -p charge -p charge-bench || exit 1
case $servers in
*ws* | *socketio*)
  command -v node >/dev/null || { echo "node is missing (Debian: nodejs)" >&2; exit 1; }
  (cd bench/peers && npm ci --no-audit --no-fund --loglevel=error) || exit 1
  ;;
esac
case $servers in
*nats*)
  if ! PATH=$PATH:/usr/sbin command -v nats-server >/dev/null; then
    echo "nats-server is missing (Debian: nats-server); it is left out" >&2
    servers=${servers//nats/}
  fi
  ;;
esac

failed=()
measure() { # mode, options...
  local mode=$1
  shift
  [[ -z ${ONLY:-} || $ONLY == "$mode" ]] || return 0
  for server in ${among:-$servers}; do
    echo "$server: $mode $*" >&2
    target/release/bench text --server "$server" --mode "$mode" "$@" --runs "$runs" --seconds "$seconds" \
      --data-parent target/bench/data --json >>"$records" || failed+=("$server $mode $*")
  done
}

measure paced --subscribers 1000 --rate 20
measure saturated --subscribers 1000
measure burst --subscribers 100
measure burst --subscribers 100 --publishers 1
measure idle --connections 10000
# Only Charge stores what it answers for.
if [[ " $servers " == *" charge "* ]]; then
  for clients in 1 64 1024; do
    among=charge measure durable --clients "$clients"
  done
fi

target/release/bench table "$records" --into bench/RESULTS.md || exit 1
echo "tables written to bench/RESULTS.md" >&2
if ((${#failed[@]})); then
  printf 'failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
