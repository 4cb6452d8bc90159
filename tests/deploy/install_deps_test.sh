# Tests of deploy/install-deps in a tree of its own, with dpkg, apt, npm and the
# user's id played by small scripts that note how they were called.
# shellcheck disable=SC2016,SC2030,SC2031 # Bodies of fakes; settings of a test.
# shellcheck source=tests/deploy/shell_test.sh
source "$(dirname "$0")/shell_test.sh"

tree=$scratch/tree bin=$scratch/bin calls=$scratch/calls
mkdir -p "$tree/deploy" "$bin"
cp "$project/deploy/install-deps" "$tree/deploy/"
cp -r "$project/deploy/node" "$tree/deploy/"
touch "$calls"

# The tools it may use; nothing else of this machine is on its PATH.
for tool in bash cat chmod cmp cp dirname env grep ln mkdir rm tail; do
  ln -s "$(command -v $tool)" "$bin/$tool"
done

fake() { # NAME BODY
  printf '#!/bin/bash\n%s\n' "$2" >"$bin/$1"
  chmod +x "$bin/$1"
}

# Of the packages asked for, all are installed but those in $missing.
fake dpkg-query '
for package in "${@:4}"; do
  case " $missing " in
    *" $package "*) [[ $missing != *ccache* ]] ||
      echo "config-files $package" ;;
    *) echo "installed $package" ;;
  esac
done
exit 1'
fake apt-get 'echo "apt-get $*" >>"$calls"; echo "E: no $*"; exit "${apt_status:-0}"'
fake id 'echo "${user:-0}"'
fake npm '
echo "npm $*" >>"$calls"
modules=$2/node_modules
rm -rf "$modules"
mkdir -p "$modules/@bufbuild/buf-linux-x64/bin"
buf=$modules/@bufbuild/buf-linux-x64/bin/buf
[[ -n ${architecture-} ]] || { echo >"$buf" && chmod +x "$buf"; }
echo "npm is not well"
exit "${npm_status:-0}"'

install_deps() {
  (
    cd /
    export calls missing="${missing-}" user="${user-}" PATH=$bin
    export apt_status="${apt_status-}" npm_status="${npm_status-}"
    export architecture="${architecture-}"
    "$tree/deploy/install-deps"
  )
}

NothingMissingSaysAndDoesNothing() {
  install_deps >/dev/null
  : >"$calls"
  expect_equal "output" "" "$(install_deps 2>&1)"
  expect_equal "calls" "" "$(cat "$calls")"
}

RootInstallsExactlyWhatIsMissing() {
  missing="cmake libgrpc++-dev" install_deps >/dev/null
  expect_equal "calls of apt-get" "apt-get update
apt-get install -y --no-install-recommends cmake libgrpc++-dev" \
    "$(grep apt-get "$calls")"
}

ARemovedPackageWhoseConfigurationStayedIsMissing() {
  missing=ccache install_deps >/dev/null
  expect_equal "installs" 1 "$(grep -c 'recommends ccache$' "$calls")"
}

SomebodyElseIsToldWhatToTypeAndNothingIsInstalled() {
  export missing="cmake libgrpc++-dev" user=1000
  expect_refused "sudo apt-get install --no-install-recommends \
cmake libgrpc++-dev" install_deps
  expect_equal "calls" "" "$(cat "$calls")"
}

SomebodyElseNeedsNoRootWhenPackagesAreThere() {
  user=1000 install_deps >/dev/null
  expect_equal "calls of npm" 1 "$(grep -c '^npm' "$calls")"
}

NpmIsMissingWhenThereIsNoSuchCommand() {
  rm "$bin/npm"
  user=1000 expect_refused "recommends npm" install_deps
}

AnotherDistributionIsToldThePackages() {
  rm "$bin/apt-get"
  missing=cmake expect_refused "not Debian" install_deps
}

AFailureOfAptShowsWhatItSaid() {
  missing=cmake apt_status=100 expect_refused "E: no update" install_deps
}

NpmRunsAgainOnlyForAnotherLock() {
  install_deps >/dev/null
  [[ -x $tree/build/node/node_modules/.bin/buf ]] || fail "there is no buf"
  install_deps >/dev/null
  expect_equal "calls of npm" 1 "$(grep -c '^npm' "$calls")"
  echo >>"$tree/deploy/node/package-lock.json"
  install_deps >/dev/null
  expect_equal "calls of npm" 2 "$(grep -c '^npm' "$calls")"
}

AFailureOfNpmIsTriedAgain() {
  npm_status=1 expect_refused "npm is not well" install_deps
  install_deps >/dev/null
  expect_equal "calls of npm" 2 "$(grep -c '^npm' "$calls")"
  [[ -x $tree/build/node/node_modules/.bin/buf ]] || fail "there is no buf"
}

AnArchitectureWithoutBufIsSaidAtOnce() {
  architecture=riscv64 expect_refused "no buf for this architecture" \
    install_deps
  install_deps >/dev/null
  expect_equal "calls of npm" 2 "$(grep -c '^npm' "$calls")"
}

run_test "$@"
