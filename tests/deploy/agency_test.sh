# Tests of deploy/agency: real certificates and files, a service played by a
# small script that notes how it was called.
# shellcheck disable=SC2016 # The body of the fake.
# shellcheck source=tests/deploy/shell_test.sh
source "$(dirname "$0")/shell_test.sh"

certs=$scratch/certs prefix=$scratch/opt units=$scratch/units
installed=$prefix/police-E23000019
export BATON_BIN=$scratch/bin calls=$scratch/calls
mkdir "$BATON_BIN"
for program in baton baton-police baton-council baton-school baton-emergency; do
  printf '#!/bin/sh\necho "$@" >>"$calls"\nexit "${check_status:-0}"\n' \
    >"$BATON_BIN/$program"
  chmod +x "$BATON_BIN/$program"
done

make_certs() { "$project/deploy/make-certs" "$certs" "$@" >"$scratch/made"; }

agency() {
  "$project/deploy/agency" install "${1:-police/E23000019}" \
    --exchange baton.example:7440 --certs "$certs" --prefix "$prefix" \
    --units "$units" --user "$(id -un)" "${@:2}" >"$scratch/shown"
}

# What a configuration says of a field that stands in it once.
said() { sed -n "s|^ *$1: *\"\{0,1\}\([^\"]*\)\"\{0,1\}\$|\1|p" "$2"; }

ProgramConfigurationCertificateAndUnitAreInstalled() {
  make_certs
  agency
  cmp "$BATON_BIN/baton-police" "$prefix/bin/baton-police"
  cmp "$certs/police-E23000019.pem" "$installed/certs/police-E23000019.pem"
  grep -qF 'exchange { address: "baton.example:7440" }' \
    "$installed/police.txtpb" || fail "the exchange is not in the configuration"
  expect_equal "data directory" data \
    "$(said data_directory "$installed/police.txtpb")"
  expect_equal "environment" ENVIRONMENT_TRAINING \
    "$(said environment "$installed/police.txtpb")"
  grep -qxF "ExecStart=$prefix/bin/baton-police --config $installed/police.txtpb" \
    "$units/baton-police-E23000019.service" || fail "the unit starts something else"
  ! grep '@[A-Z]*@' "$units/baton-police-E23000019.service" || fail "words left in the unit"
  expect_equal "checked" "--config $installed/police.txtpb --check_config" \
    "$(tail -n 1 "$calls")"
  expect_equal "files left over" "" "$(find "$scratch" -name '*.part')"
}

TheBatonCommandIsInstalledForTheDoctor() {
  make_certs
  agency
  local client=$installed/client.txtpb file
  cmp "$BATON_BIN/baton" "$prefix/bin/baton"
  expect_equal "exchange" baton.example:7440 "$(said broker_address "$client")"
  expect_equal "service" 127.0.0.1:7443 "$(said police_address "$client")"
  for file in $(grep -oE 'certs/[^"]+' "$client"); do
    [[ -r $installed/$file ]] || fail "$file is not there"
  done
  grep -qF "$prefix/bin/baton doctor --config $client" "$scratch/shown" ||
    fail "the doctor is not named"
  agency police/E23000019 --listen 0.0.0.0:7443
  expect_equal "service" localhost:7443 "$(said police_address "$client")"
}

KeysAndDataAreTheServicesAlone() {
  make_certs
  agency
  expect_equal "private files open to others" "" \
    "$(find "$prefix" -name '*.key' ! -perm 0600)"
  expect_equal "data" 700 "$(stat -c %a "$installed/data")"
}

EveryAgencyOfTheCityCanBeInstalled() {
  make_certs
  local name
  for name in emergency/RX1RA police/E23000019 school/123401 \
    council/E06000018 council/E10000024; do
    agency "$name"
    [[ -s $prefix/${name/\//-}/${name%/*}.txtpb ]] ||
      fail "$name has no configuration"
  done
  grep -q E10000024.pem "$prefix/council-E10000024/council.txtpb" ||
    fail "one council got another's configuration"
}

ADryRunShowsEverythingAndChangesNothing() {
  make_certs
  agency police/E23000019 --dry-run
  grep -q "would write $units/baton-police-E23000019.service" "$scratch/shown" ||
    fail "the unit is not shown"
  grep -q 'address: "baton.example:7440"' "$scratch/shown" ||
    fail "the configuration is not shown"
  [[ ! -e $prefix && ! -e $units ]] || fail "something was done"
}

TheCertificateSaysWhetherItIsLive() {
  make_certs --trust-domain baton.example --origin baton.example/nottingham
  agency
  expect_equal "trust domain" baton.example \
    "$(said trust_domain "$installed/police.txtpb")"
  expect_equal "environment" ENVIRONMENT_LIVE \
    "$(said environment "$installed/police.txtpb")"
}

InstallingAgainRenewsAndKeepsTheDiskKey() {
  make_certs
  agency
  local key
  key=$(sha256sum "$installed/certs/police-E23000019.disk.key")
  rm "$certs/police-E23000019.pem"
  make_certs
  agency police/E23000019 --listen 10.0.0.5:7443
  cmp "$certs/police-E23000019.pem" "$installed/certs/police-E23000019.pem"
  expect_equal "listens" 10.0.0.5:7443 \
    "$(said listen_address "$installed/police.txtpb")"
  expect_equal "disk key" "$key" \
    "$(sha256sum "$installed/certs/police-E23000019.disk.key")"
}

AnotherDiskKeyIsRefusedBecauseItLosesWhatIsStored() {
  make_certs
  agency
  openssl rand 32 >"$certs/police-E23000019.disk.key"
  expect_refused "is another key than" agency
}

ACertificateOfSomebodyElseIsRefused() {
  make_certs --bad
  local name base=$certs/police-E23000019
  cp "$certs/council-E06000018.pem" "$base.pem"
  expect_refused "is not a certificate of police/E23000019" agency
  for name in foreign expired; do
    cp "$certs/bad/$name.pem" "$certs/emergency-RX1RA.pem"
    cp "$certs/bad/$name.key" "$certs/emergency-RX1RA.key"
    expect_refused "has ended, or is not of the authority" \
      agency emergency/RX1RA
  done
  cp "$certs/council-E06000018.key" "$certs/school-123401.key"
  expect_refused "is not the key of" agency school/123401
  [[ ! -e $prefix ]] || fail "something was installed"
}

AnAgencyWithoutConfigurationIsNotGivenAnothersNumbers() {
  make_certs
  make_certs --add police/E23000018
  expect_refused "has no configuration of police/E23000018" \
    agency police/E23000018
  sed 's/E23000019/E23000018/g' "$project/deploy/config/police.txtpb" \
    >"$scratch/derbyshire.txtpb"
  agency police/E23000018 --config "$scratch/derbyshire.txtpb"
}

AllFaultsAreSaidAtOnceAndNothingIsInstalled() {
  make_certs
  rm "$BATON_BIN/baton-police" "$BATON_BIN/baton" "$certs/police-E23000019.disk.key"
  cp "$certs/council-E06000018.pem" "$certs/police-E23000019.pem"
  expect_refused "there is no program" agency
  for reason in "no program $BATON_BIN/baton;" "cannot read" "is not a certificate of" "nothing was installed"; do
    grep -qF "$reason" "$scratch/said" ||
      fail "it did not say '$reason'"
  done
  [[ ! -e $prefix ]] || fail "something was installed"
}

WordsThatAreMoreThanWordsAreRefused() {
  make_certs
  local name
  for name in police ../x police/../x witness/X operator/OPS "police/E 1"; do
    expect_refused "an agency is CLASS/CODE" agency "$name"
  done
  expect_refused "--listen is HOST:PORT" \
    agency police/E23000019 --listen 'x|e'
  expect_refused "--prefix is an absolute path" \
    agency police/E23000019 --prefix opt
  expect_refused "--user is a user" agency police/E23000019 --user 'a b'
  expect_refused "needs a value" agency police/E23000019 --listen
  expect_refused "unknown option" agency police/E23000019 --force
}

AConfigurationTheServiceRefusesIsAFailure() {
  make_certs
  export check_status=1
  expect_refused "nothing was installed" agency
  [[ ! -e $prefix && ! -e $units ]] || fail "something was installed"
}

ARefusedConfigurationLeavesTheOneThatRuns() {
  make_certs
  agency
  cp "$installed/police.txtpb" "$scratch/before"
  export check_status=1
  expect_refused "refuses" agency police/E23000019 --listen 10.0.0.5:7443
  cmp "$scratch/before" "$installed/police.txtpb"
}

run_test "$@"
