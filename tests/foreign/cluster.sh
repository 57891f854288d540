# A cluster of three for a program that is not ours. To be sourced; needs $stint, sets $work (a
# directory that is removed in the end) and $base (the port of the first replica).
work=$(mktemp -d)
base=$((20000 + $$ % 10000))
coproc cluster { exec "$stint" dev --data-dir "$work/data" --client-port "$base" --peer-port $((base + 3)) 2>&1; }
pid=$cluster_PID
trap 'kill -INT "$pid" 2>/dev/null; wait "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT
ready=
while read -r -t 60 line <&"${cluster[0]}"; do
  case $line in *'Ctrl-C'*) ready=1; break ;; esac
  echo "$line"
done
[ -n "$ready" ] || { echo "the cluster did not start" >&2; exit 1; }
