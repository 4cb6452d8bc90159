# Tests of what deploy/config says, as text; that the services take it is the
# matter of tests/system.
# shellcheck source=tests/deploy/shell_test.sh
source "$(dirname "$0")/shell_test.sh"

config=$project/deploy/config

EveryKindOfMessageIsInThePolicyButTheExchangesOwnAndTests() {
  expect_equal "kinds without a rule" \
    "MESSAGE_KIND_ALERT MESSAGE_KIND_ESCALATION MESSAGE_KIND_TEST_MESSAGE" \
    "$(comm -23 \
      <(grep -oE '^ +MESSAGE_KIND_[A-Z_]+' "$project/proto/baton/v1/message.proto" |
        tr -d ' ' | grep -v UNSPECIFIED | sort) \
      <(grep -oE 'MESSAGE_KIND_[A-Z_]+' "$config/access.txtpb" | sort -u) |
      xargs)"
}

NoRuleNamesAClassTwice() {
  expect_equal "repeated" "" "$(awk '
    /^rules/ { split("", seen) }
    /_classes:|kinds:/ { split("", seen) }
    match($0, /(AGENCY_CLASS|MESSAGE_KIND)_[A-Z_]+/) {
      word = substr($0, RSTART, RLENGTH)
      if (seen[word]++) print FNR ": " word
    }' "$config/access.txtpb")"
}

EveryFileNamedIsMadeByMakeCerts() {
  "$project/deploy/make-certs" "$scratch/certs" >/dev/null
  local file
  for file in $(grep -ohE '"certs/[^"]+"' "$config"/*.txtpb | tr -d '"' | sort -u); do
    [[ -e $scratch/$file ]] || fail "make-certs makes no $file"
  done
}

EveryServiceAndClientHasItsPortFromTheCity() {
  "$project/deploy/city" prepare "$scratch/city" 7443
  expect_equal "ports" "7443 7444 7445 7446 7447 7448 7449 7450" \
    "$(grep -ohE '127\.0\.0\.1:[0-9]+' "$scratch"/city/*.txtpb |
      cut -d: -f2 | sort -u | xargs)"
  expect_equal "listens" "7443 7444 7445 7446 7447 7448" \
    "$(grep -hE 'listen_address' "$scratch"/city/*.txtpb |
      grep -oE '[0-9]{4}' | sort | xargs)"
}

# The numbers of deploy/config and of the examples ring nobody.
PhonesAreOfTheRangesKeptForDrama() {
  expect_equal "other numbers" "" \
    "$(grep -rhoE '\b0[0-9]{3,4} [0-9]{3} [0-9]{3,4}\b' "$config" \
      "$project/deploy/examples" |
      grep -vE '^(0115 496 0|01632 960|01332 496|029 2018)' || true)"
}

# What an agency's unit has and the exchange's too: all but names and memory.
settings() {
  grep -vE '^(#|$|Description=|User=|ExecStart|ReadWritePaths=|MemoryMax=)' "$1"
}

TheUnitsDifferInNamesAndMemoryOnly() {
  local units=$project/deploy/systemd
  expect_equal "differences" "" \
    "$(diff <(settings "$units/baton-broker.service") \
      <(settings "$units/baton-agency.service"))"
}

# Stopped by its disk, a service comes back however long that takes; and what it
# may take of the machine is stated.
TheExchangesUnitBoundsItAndNeverGivesUp() {
  local unit=$project/deploy/systemd/baton-broker.service handles
  grep -qx 'Restart=always' "$unit" || fail "it stays down"
  grep -qx 'StartLimitIntervalSec=0' "$unit" || fail "systemd gives up"
  grep -qE '^MemoryMax=[0-9]+G$' "$unit" || fail "its memory has no bound"
  handles=$(sed -n 's/^LimitNOFILE=//p' "$unit")
  # services/broker/README.md: what the defaults need.
  ((handles >= 2280)) || fail "it has $handles open files"
  grep -q "ExecStart=/opt/baton/bin/baton-broker --config" "$unit" ||
    fail "it starts something else"
}

run_test "$@"
