#!/usr/bin/env bash
# The one test command. Installs what tests need where it is missing (Debian, Ubuntu), runs everything, goes on after a
# failure, and ends with "N passed, N failed". Exit status 0 when nothing failed.
#
#   ./test.sh            everything
#   ./test.sh --quick    without browsers
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 2

quick=no
for argument in "$@"; do
  case $argument in
    --quick) quick=yes ;;
    -h | --help) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "test.sh: unknown argument $argument (try --help)" >&2; exit 2 ;;
  esac
done

# Nothing may install toolchain parts or browsers behind our back.
export RUSTUP_DIST_SERVER=http://127.0.0.1:9 CARGO_LLVM_COV_SETUP=no PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never} DEBIAN_FRONTEND=noninteractive

mkdir -p "${CARGO_TARGET_DIR:-target}"
target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)
logs=$target/test-logs
mkdir -p "$logs"
passed=0 failed=0 skipped=()
failures=()

say() { printf '\n== %s\n' "$*"; }
skip() { skipped+=("$1"); printf 'skipped: %s\n' "$1"; }
count() { passed=$((passed + $1)) failed=$((failed + $2)); }
fail() { failures+=("$1"); }

# check NAME COMMAND...: one check, passed or failed as a whole.
check() {
  local name=$1
  shift
  say "$name"
  if "$@" </dev/null; then count 1 0; else count 0 1; fail "$name"; fi
}

# --- what is missing -----------------------------------------------------------------------------------------------

apt_updated=no
install() {
  command -v apt-get >/dev/null || { echo "test.sh: install $* by hand: there is no apt-get" >&2; return 1; }
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "test.sh: needs root or sudo to install $*" >&2; return 1; }
    as_root=(sudo)
  fi
  if [ $apt_updated = no ]; then
    "${as_root[@]}" apt-get update -qq || return 1
    apt_updated=yes
  fi
  "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$@" </dev/null
}

browser() {
  local candidate
  for candidate in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable /snap/bin/chromium; do
    [ -n "$candidate" ] && command -v "$candidate" && return 0
  done
  return 1
}

say "What is missing"
command -v cargo >/dev/null || { echo "test.sh: Rust is missing: https://rustup.rs" >&2; exit 2; }
command -v cc >/dev/null || install build-essential || exit 2
{ command -v node && command -v npm; } >/dev/null || install nodejs npm || exit 2
if [ $quick = no ]; then
  browser >/dev/null || install chromium || install chromium-browser
  CHROMIUM=$(browser) || { echo "test.sh: no Chromium: install one, or set CHROMIUM=/path/to/it" >&2; exit 2; }
  export CHROMIUM
fi
echo "$(rustc --version), node $(node --version), npm $(npm --version 2>/dev/null), browser ${CHROMIUM:-not needed}"

# --- Rust ----------------------------------------------------------------------------------------------------------

if cargo fmt --version >/dev/null 2>&1 || [ -n "${CI:-}" ]; then
  check "cargo fmt" cargo fmt --all --check
else
  skip "cargo fmt (rustup component add rustfmt)"
fi
if cargo clippy --version >/dev/null 2>&1 || [ -n "${CI:-}" ]; then
  check "cargo clippy" cargo clippy --workspace --all-targets --locked -- -D warnings
else
  skip "cargo clippy (rustup component add clippy)"
fi

say "cargo test"
cargo test --workspace --locked --no-fail-fast </dev/null 2>&1 | tee "$logs/cargo.log"
cargo_status=${PIPESTATUS[0]}
read -r good bad < <(awk '/^test result:/ { good += $4; bad += $6 } END { print good + 0, bad + 0 }' "$logs/cargo.log")
# A test binary that did not build or died has no "test result" line.
if [ "$cargo_status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
count "$good" "$bad"
[ "$cargo_status" -eq 0 ] || fail "cargo test"

if command -v cargo-deny >/dev/null; then
  check "cargo deny" cargo deny --locked check licenses bans sources
else
  skip "cargo deny (cargo install cargo-deny)"
fi

# --- the browser client --------------------------------------------------------------------------------------------

say "npm ci"
if ! (cd e2e && npm ci --no-audit --no-fund --loglevel=error </dev/null); then
  count 0 1
  fail "npm ci"
fi

# Distributions carry Node.js releases that are older than the test tools need; then one comes from npm, beside the rest.
node_wanted=20
if [ "$(node -p 'process.versions.node.split(".")[0]')" -lt $node_wanted ]; then
  case $(uname -m) in aarch64) arch=arm64 ;; *) arch=x64 ;; esac
  tools=$target/test-tools
  [ -x "$tools/node_modules/node-linux-$arch/bin/node" ] ||
    npm install --prefix "$tools" --no-save --ignore-scripts --loglevel=error "node-linux-$arch@22" </dev/null
  export PATH="$tools/node_modules/node-linux-$arch/bin:$PATH"
  echo "node $(node --version) for the tests"
fi

check "tsc" e2e/node_modules/.bin/tsc -p static/tsconfig.json

say "node --test"
node --test --test-reporter=spec --test-reporter-destination=stdout \
  --test-reporter=tap --test-reporter-destination="$logs/node.tap" e2e/unit/*.test.mjs </dev/null
node_status=$?
read -r good bad < <(awk '/^# pass / { good += $3 } /^# (fail|cancelled) / { bad += $3 } END { print good + 0, bad + 0 }' \
  "$logs/node.tap" 2>/dev/null || echo 0 0)
if [ $node_status -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
count "$good" "$bad"
[ $node_status -eq 0 ] || fail "node --test"

if [ $quick = yes ]; then
  skip "browsers (--quick)"
else
  # `cargo test` built the server too, for the tests that run it as a process.
  say "Playwright"
  rm -f "$logs/playwright.json"
  (cd e2e && CHARGE_BIN=$target/debug/charge PLAYWRIGHT_JSON_OUTPUT_FILE=$logs/playwright.json \
    node_modules/.bin/playwright test --reporter=list,json </dev/null)
  browser_status=$?
  read -r good bad < <(node -e '
    const { stats } = JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8"));
    console.log(stats.expected, stats.unexpected + stats.flaky);' "$logs/playwright.json" 2>/dev/null || echo 0 0)
  if [ $browser_status -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
  count "$good" "$bad"
  [ $browser_status -eq 0 ] || fail "Playwright"
fi

# --- the end -------------------------------------------------------------------------------------------------------

echo
for name in ${skipped[@]+"${skipped[@]}"}; do echo "skipped: $name"; done
for name in ${failures[@]+"${failures[@]}"}; do echo "FAILED: $name"; done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ ${#failures[@]} -eq 0 ]
