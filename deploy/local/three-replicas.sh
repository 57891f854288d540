#!/usr/bin/env bash
# A cluster of three replicas on this machine, each with a configuration and a data directory of its
# own, started as three machines would start them. It is here to be read; `stint dev` is shorter.
#
#   deploy/local/three-replicas.sh [DIRECTORY]
#
# The cluster is kept in DIRECTORY (./stint-local if left out) and goes on where it was when the
# script is run again. Ctrl-C stops it. STINT names the program, PORT the first of six ports.
set -euo pipefail

stint=${STINT:-stint}
port=${PORT:-7410}
dir=${1:-stint-local}

mkdir -p "$dir"
cd "$dir"
ids=(00000000000a 00000000000b 00000000000c)

# Once for a cluster: an id that no other cluster has.
[ -f cluster-id ] || od -An -N16 -tx1 /dev/urandom | tr -d ' \n' > cluster-id

# The same list of members is in the configuration of each replica.
members() {
  for i in 0 1 2; do
    printf '[[cluster.members]]\nid = "%s"\nclient_address = "127.0.0.1:%d"\npeer_address = "127.0.0.1:%d"\n\n' \
      "${ids[i]}" $((port + i)) $((port + 3 + i))
  done
}

for i in 0 1 2; do
  cat > "${ids[i]}.toml" <<TOML
[replica]
id = "${ids[i]}"
data_dir = "${ids[i]}"
client_address = "127.0.0.1:$((port + i))"
peer_address = "127.0.0.1:$((port + 3 + i))"

[cluster]
id = "$(cat cluster-id)"

$(members)

[worker]
capacity = { scan = 1 }

[actions.hello]
command = ["echo", "hello, {param:name}"]
TOML
  # Once for a replica: its data directory. The first one draws the token of an administrator.
  if [ ! -d "${ids[i]}" ]; then
    if [ "$i" = 0 ]; then
      "$stint" init --config "${ids[i]}.toml" --admin-token-file admin.token
    else
      "$stint" init --config "${ids[i]}.toml"
    fi
  fi
done

pids=()
stop() {
  trap - EXIT
  [ "${#pids[@]}" = 0 ] || kill "${pids[@]}" 2>/dev/null || true
  wait
}
trap stop EXIT
trap 'exit 0' INT TERM

for id in "${ids[@]}"; do
  "$stint" serve --config "$id.toml" 2>> "$id.log" &
  pids+=($!)
done

# Nobody is let in before there is a leader and the first token is in the log.
addresses=127.0.0.1:$port,127.0.0.1:$((port + 1)),127.0.0.1:$((port + 2))
export STINT_ADDRESS=$addresses
for try in $(seq 300); do
  if "$stint" --token-file admin.token job list >/dev/null 2>&1; then break; fi
  [ "$try" != 300 ] || { echo "the cluster does not answer; see $PWD/*.log" >&2; exit 1; }
  sleep 0.2
done
"$stint" --token-file admin.token cluster status

cat <<TEXT

It runs. In another terminal:

  export STINT_ADDRESS=$addresses
  $stint --token-file $PWD/admin.token job submit hello -p name=world
  $stint --token-file $PWD/admin.token job list
TEXT

# Until Ctrl-C, or until one of them ends by itself, which its log tells of.
wait -n "${pids[@]}" || true
echo "a replica has ended; see $PWD/*.log" >&2
exit 1
