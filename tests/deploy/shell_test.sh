# What every shell test starts with: a directory of its own in $scratch, a few
# expectations, and `run_test`, which runs the one test named by its argument.
set -euo pipefail

# shellcheck disable=SC2034 # Used by the tests.
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# expect_equal WHAT WANTED GOT
expect_equal() { [[ $2 == "$3" ]] || fail "$1: wanted '$2', got '$3'"; }

# expect_refused REASON COMMAND...: fails, and says REASON.
expect_refused() {
  local reason=$1
  shift
  "$@" >"$scratch/said" 2>&1 && fail "'$*' was not refused"
  grep -qF -- "$reason" "$scratch/said" ||
    fail "'$*' did not say '$reason' but: $(cat "$scratch/said")"
}

run_test() {
  declare -F "${1-}" >/dev/null || fail "no test '${1-}'"
  "$1"
}
