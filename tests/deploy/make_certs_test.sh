# Tests of deploy/make-certs, with the real openssl.
# shellcheck source=tests/deploy/shell_test.sh
source "$(dirname "$0")/shell_test.sh"

certs=$scratch/certs
make_certs() { "$project/deploy/make-certs" "$certs" "$@" >"$scratch/made"; }

verifies() { # AUTHORITY CERTIFICATE [OPTIONS]: for clients and for servers.
  local authority=$1 certificate=$2
  shift 2
  for purpose in sslclient sslserver; do
    openssl verify -x509_strict -purpose "$purpose" -CAfile "$authority" "$@" \
      "$certificate" >/dev/null 2>&1 || return 1
  done
}

uris() { # The URIs in a certificate, one per line.
  openssl x509 -in "$1" -noout -ext subjectAltName |
    tr ',' '\n' | sed -n 's/^ *URI://p'
}

expect_identity() { # BASE URI
  verifies "$certs/ca.pem" "$certs/$1.pem" || fail "$1.pem does not verify"
  expect_equal "URIs of $1" "$2" "$(uris "$certs/$1.pem")"
  openssl verify -verify_hostname localhost -CAfile "$certs/ca.pem" \
    "$certs/$1.pem" >/dev/null || fail "$1.pem is not of localhost"
  openssl verify -verify_ip 127.0.0.1 -CAfile "$certs/ca.pem" \
    "$certs/$1.pem" >/dev/null || fail "$1.pem is not of 127.0.0.1"
  expect_equal "public key of $1" \
    "$(openssl pkey -in "$certs/$1.key" -pubout)" \
    "$(openssl x509 -in "$certs/$1.pem" -noout -pubkey)"
}

EveryIdentityHasOneUriAndVerifies() {
  make_certs
  local agency=spiffe://baton.test/agency
  expect_identity exchange-baton $agency/exchange/baton
  expect_identity emergency-RX1RA $agency/emergency/RX1RA
  expect_identity council-E06000018 $agency/council/E06000018
  expect_identity council-E10000024 $agency/council/E10000024
  expect_identity police-E23000019 $agency/police/E23000019
  expect_identity school-123401 $agency/school/123401
  expect_identity school-123402 $agency/school/123402
  expect_identity operator-OPS $agency/operator/OPS
}

PrivateFilesAreTheOwnersAlone() {
  make_certs --bad
  expect_equal "private files open to others" "" \
    "$(find "$certs" -name '*.key' ! -perm 0600)"
  expect_equal "public files closed to others" "" \
    "$(find "$certs" \( -name '*.pem' -o -name '*.pub' \) ! -perm 0644)"
  expect_equal "files left over" "" "$(find "$certs" -name '*.part')"
}

DiskAndVaultKeysHave32BytesOfTheirOwn() {
  make_certs
  local keys=("$certs"/*.disk.key "$certs/vault.key")
  expect_equal "number of keys" 7 ${#keys[@]}
  expect_equal "sizes" 32 "$(stat -c %s "${keys[@]}" | sort -u)"
  expect_equal "different keys" 7 "$(sha256sum "${keys[@]}" | cut -c1-64 |
    sort -u | wc -l)"
}

SecondRunKeepsEveryByte() {
  make_certs
  local first
  first=$(cd "$certs" && sha256sum -- *)
  make_certs
  expect_equal "files" "$first" "$(cd "$certs" && sha256sum -- *)"
  expect_equal "files not said to be kept" "" \
    "$(grep -v '^kept ' "$scratch/made" || true)"
}

RenewsAnEndedCertificateWithItsKey() {
  make_certs --bad
  local key
  key=$(cat "$certs/emergency-RX1RA.key")
  cp "$certs/bad/expired.pem" "$certs/emergency-RX1RA.pem"
  make_certs
  expect_equal "key" "$key" "$(cat "$certs/emergency-RX1RA.key")"
  expect_identity emergency-RX1RA spiffe://baton.test/agency/emergency/RX1RA
}

RenewedAuthorityStillVouchesForItsCertificates() {
  make_certs
  rm "$certs/ca.pem"
  make_certs
  expect_identity emergency-RX1RA spiffe://baton.test/agency/emergency/RX1RA
}

AddsAnIdentityOfTheSameTrustDomain() {
  make_certs --trust-domain baton.example
  make_certs --add council/E06000015 --add emergency/RX1RA/triage
  expect_identity council-E06000015 \
    spiffe://baton.example/agency/council/E06000015
  expect_identity emergency-RX1RA-triage \
    spiffe://baton.example/agency/emergency/RX1RA/triage
  expect_equal "disk key" 32 "$(stat -c %s "$certs/council-E06000015.disk.key")"
}

AddingWithoutAnAuthorityIsRefused() {
  expect_refused "holds no authority" make_certs --add council/E06000015
}

AnotherTrustDomainIsRefused() {
  make_certs
  expect_refused "is of baton.test, not of other.test" \
    make_certs --trust-domain other.test
}

NamesThatAreMoreThanNamesAreRefused() {
  make_certs
  local before name
  before=$(find "$scratch" -name '*.pem' | sort)
  for name in ../x council/../../x council council/ /x council/a/b/c \
    "council/x, URI:spiffe://baton.test/agency/police/E23000019" ""; do
    expect_refused "an identity is CLASS/CODE" make_certs --add "$name"
  done
  expect_refused "a trust domain is of" make_certs --trust-domain 'a,URI:b'
  expect_refused "an origin is of" make_certs --origin 'a+b'
  expect_refused "--days is 1 to 9999" make_certs --days 0
  expect_refused "needs a value" make_certs --days
  expect_equal "certificates" "$before" "$(find "$scratch" -name '*.pem' | sort)"
}

# The form of Go's signed notes, computed by somebody else's code.
VerifierKeyIsOfTheCheckpointKeyAndItsOrigin() {
  make_certs --origin baton.test/derby
  /usr/bin/python3 - "$certs/checkpoint.pub" \
    "$(openssl pkey -in "$certs/checkpoint.key" -pubout -outform DER |
      openssl base64 -A)" <<'END'
import base64, hashlib, sys
origin, key_id, key = open(sys.argv[1]).read().rstrip("\n").split("+", 2)
wanted = b"\x01" + base64.b64decode(sys.argv[2])[-32:]
assert origin == "baton.test/derby", origin
assert base64.b64decode(key) == wanted, key
digest = hashlib.sha256(origin.encode() + b"\n" + wanted).hexdigest()
assert key_id == digest[:8], key_id
END
}

VerifierKeyOfAnotherOriginIsRefused() {
  make_certs --origin baton.test/derby
  make_certs
  expect_refused "is of another key or origin" \
    make_certs --origin baton.test/nottingham
  expect_equal "origin" baton.test/derby \
    "$(cut -d+ -f1 "$certs/checkpoint.pub")"
}

EachBadCertificateIsBadInOneWayOnly() {
  make_certs --bad
  local hospital=spiffe://baton.test/agency/emergency/RX1RA name
  for name in two-uris no-uri other-domain; do
    verifies "$certs/ca.pem" "$certs/bad/$name.pem" ||
      fail "$name.pem must be of our authority"
  done
  expect_equal "two-uris" 2 "$(uris "$certs/bad/two-uris.pem" | wc -l)"
  expect_equal "no-uri" "" "$(uris "$certs/bad/no-uri.pem")"
  expect_equal "other-domain" spiffe://other.baton.test/agency/emergency/RX1RA \
    "$(uris "$certs/bad/other-domain.pem")"
  for name in foreign expired; do
    ! verifies "$certs/ca.pem" "$certs/bad/$name.pem" ||
      fail "$name.pem must not verify"
    expect_equal "URI of $name" $hospital "$(uris "$certs/bad/$name.pem")"
  done
  verifies "$certs/bad/ca.pem" "$certs/bad/foreign.pem" ||
    fail "foreign.pem must be of the other authority"
  verifies "$certs/ca.pem" "$certs/bad/expired.pem" \
    -attime $(($(date +%s) - 2 * 86400)) ||
    fail "expired.pem must have been good two days ago"
}

AFailureLeavesNoHalfOfAFile() {
  mkdir "$scratch/bin"
  printf '#!/bin/sh\necho "half of a key"\nexit 1\n' >"$scratch/bin/openssl"
  chmod +x "$scratch/bin/openssl"
  PATH=$scratch/bin:$PATH expect_refused "cannot make $certs/ca.key" make_certs
  [[ ! -e $certs/ca.key ]] || fail "ca.key was left half made"
  make_certs
  expect_identity emergency-RX1RA spiffe://baton.test/agency/emergency/RX1RA
}

run_test "$@"
