#!/usr/bin/env bash
# Makes what a new cluster is told by files: its id, the token of its first administrator, two
# authorities, and two certificates for each replica. docs/security.md says what they are for. What is
# there already stays, so that a certificate is renewed by removing it and running the same again.
#
#   deploy/certificates.sh DIRECTORY ID=NAME[,NAME...] ID=NAME[,NAME...] ...
#
# ID is the id of a replica, and NAME a host name or address by which clients reach it, by itself or by
# a load balancer. The keys of both authorities (ca.key, peer-ca.key) belong on no replica.
set -euo pipefail
[ "$#" -ge 2 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
umask 077
mkdir -p "$1"
cd "$1"
shift

[ -f cluster-id ] || od -An -N16 -tx1 /dev/urandom | tr -d ' \n' > cluster-id
cluster=$(cat cluster-id)
[ -f admin.token ] || printf 'stint_%s\n' "$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n')" > admin.token
# What the replicas are told of it: `admin_token_hash`.
tr -d '\n' < admin.token | sha256sum | cut -d ' ' -f 1 > admin.token.sha256

key=(-newkey ec -pkeyopt 'ec_paramgen_curve:P-256' -nodes)
authority() {
  [ -f "$1.pem" ] || openssl req -x509 "${key[@]}" -days 3650 -subj "/CN=stint $1 $cluster" \
    -addext keyUsage=critical,keyCertSign -keyout "$1.key" -out "$1.pem" 2>/dev/null
}
# sign AUTHORITY FILE USAGE NAMES
sign() {
  [ -f "$2.pem" ] || openssl req -x509 -CA "$1.pem" -CAkey "$1.key" "${key[@]}" -days 365 \
    -subj "/CN=stint" -addext basicConstraints=critical,CA:FALSE -addext "extendedKeyUsage=$3" \
    -addext "subjectAltName=$4" -keyout "$2.key" -out "$2.pem" 2>/dev/null
}

authority ca
authority peer-ca
for replica in "$@"; do
  id=${replica%%=*} names=
  [[ $id =~ ^[0-9a-f]{12}$ && $replica = *=?* ]] || { echo "$replica: write it as ID=NAME,NAME" >&2; exit 2; }
  for name in $(tr ',' ' ' <<< "${replica#*=}"); do
    # An address is digits and dots, or has a colon.
    if [[ $name =~ ^[0-9.]+$ || $name = *:* ]]; then names+=",IP:$name"; else names+=",DNS:$name"; fi
  done
  mkdir -p "$id"
  sign ca "$id/client" serverAuth "${names#,}"
  sign peer-ca "$id/peer" serverAuth,clientAuth "DNS:$id.$cluster.stint"
  cp ca.pem peer-ca.pem "$id/"
  chmod 0644 ca.pem "$id"/{ca,peer-ca,client,peer}.pem
done
