#!/usr/bin/env bash
# The container part of the tests (`make test-containers`; `.ci/run` calls it too):
#   1. tests/containers: the Containerfile, the compose stack, the server images
#   2. the contract, integration and API suites against PostgreSQL and Valkey in containers
#
# Uses the engine that is there. With CI=true or INSTALL_ENGINE=1, as root on Debian, it installs
# what is missing from Debian's packages and starts dockerd; what it started, it stops.
#
#   TEST_IMAGES=official|local|auto   auto (default) asks the registry once and falls back to
#                                     stand-ins that tests/images/build.sh makes on this machine
#   TEST_POSTGRES_IMAGE, TEST_REDIS_IMAGE, TEST_PYTHON_IMAGE, TEST_BUILDER_IMAGE   use these instead
#   BIN                               the environment's programs (default .venv/bin)
#
# No engine: everything is reported as skipped, loudly; with CI=true that is a failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PATH:/usr/sbin:/sbin
export BIN=${BIN:-.venv/bin}
dockerd_pid=
logs=$(mktemp -d)

say() { echo "containers: $*"; }

finish() {
  local code=$?
  trap - EXIT INT TERM
  if [ -n "$dockerd_pid" ]; then
    # a test run that was killed could not tidy up, and the engine was ours alone
    docker ps --all --quiet --filter label=org.testcontainers | xargs -r docker rm -fv >/dev/null || true
    docker ps --all --quiet --filter name=fm-auth-test- | xargs -r docker rm -fv >/dev/null || true
    kill "$dockerd_pid" 2>/dev/null || true
    wait "$dockerd_pid" 2>/dev/null || true
    say "stopped the engine"
  fi
  rm -rf "$logs"
  say "took $SECONDS s"
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

engine_answers() { timeout 30 docker info >/dev/null 2>&1; }
compose_answers() { docker compose version >/dev/null 2>&1 || docker-compose version >/dev/null 2>&1; }

may_install() {
  [ "${CI:-}" = true ] || [ "${INSTALL_ENGINE:-}" = 1 ] || return 1
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null
}

install() { # install PACKAGE...
  say "installing $*"
  # the mirror may have a bad moment
  if ! { apt-get -o Acquire::Retries=5 update && DEBIAN_FRONTEND=noninteractive \
    apt-get -o Acquire::Retries=5 install --yes --no-install-recommends "$@"; } >"$logs/apt" 2>&1; then
    tail -n 20 "$logs/apt" >&2
    return 1
  fi
}

# A machine that was switched off leaves process numbers behind that may be somebody else's by now.
drop_stale_pid() { # drop_stale_pid FILE PROGRAM
  local pid
  [ -s "$1" ] || return 0
  pid=$(cat "$1")
  [ "$(cat "/proc/$pid/comm" 2>/dev/null || true)" = "$2" ] || rm -f "$1"
}

start_engine() {
  local _
  # the cgroup file systems, where no init system has mounted them
  if ! grep -q ' cgroup2\? ' /proc/mounts && command -v cgroupfs-mount >/dev/null; then
    cgroupfs-mount
  fi
  drop_stale_pid /var/run/docker.pid dockerd
  drop_stale_pid /var/run/docker/containerd/containerd.pid containerd
  dockerd >"$logs/dockerd" 2>&1 &
  dockerd_pid=$!
  for _ in $(seq 240); do
    if engine_answers; then
      say "started the engine"
      return
    fi
    kill -0 "$dockerd_pid" 2>/dev/null || break
    sleep 0.5
  done
  say "dockerd does not start:" >&2
  tail -n 20 "$logs/dockerd" >&2
  return 1
}

ensure_engine() {
  local wanted=()
  if ! engine_answers; then
    may_install || return 1
    command -v dockerd >/dev/null || wanted+=(docker.io iptables cgroupfs-mount)
  fi
  if ! compose_answers && may_install; then wanted+=(docker-compose); fi
  if [ ${#wanted[@]} -gt 0 ]; then install "${wanted[@]}" || return 1; fi
  # installing may have started it already
  engine_answers || start_engine
}

registry_answers() {
  local image
  for image in "$@"; do
    docker image inspect "$image" >/dev/null 2>&1 ||
      timeout 10 docker manifest inspect "$image" >/dev/null 2>&1 || return 1
  done
}

choose_images() {
  local choice=${TEST_IMAGES:-auto} names
  if [ "$choice" = auto ]; then
    if registry_answers postgres:18 valkey/valkey:9.0 python:3.13-slim; then
      choice=official
    else
      choice=local
    fi
  fi
  say "images: $choice"
  [ "$choice" = local ] || return 0
  if ! command -v debootstrap >/dev/null && may_install; then install debootstrap; fi
  tests/images/build.sh >"$logs/images"
  # what the caller named stays
  while IFS='=' read -r name image; do
    if [ -z "${!name:-}" ]; then export "$name=$image"; fi
  done <"$logs/images"
}

if ! [ -x "$BIN/python" ]; then
  say "no environment in $BIN: \`make test-containers\` makes it" >&2
  exit 1
fi

if ! ensure_engine; then
  echo "=================================================================="
  echo "containers: NO CONTAINER ENGINE. The container tests do NOT run."
  echo "containers: start one, or as root on Debian set INSTALL_ENGINE=1."
  echo "=================================================================="
  # pytest reports each test as skipped, or as failed with CI=true
  "$BIN/python" -m pytest -m containers tests/containers
  exit
fi
choose_images

status=0
began=$SECONDS
"$BIN/python" -m pytest -m containers tests/containers || status=$?
say "tests/containers: $((SECONDS - began)) s"

suites=()
for folder in contract integration api; do
  # the embedded servers' own tests have nothing to do with containers
  if find "tests/$folder" -name 'test_*.py' -not -path '*/embedded/*' 2>/dev/null | grep -q .; then
    suites+=("tests/$folder")
  fi
done
if [ ${#suites[@]} -gt 0 ]; then
  began=$SECONDS
  "$BIN/python" -m tests.containers.servers "$BIN/python" -m pytest \
    --ignore=tests/integration/embedded "${suites[@]}" || status=$?
  say "${suites[*]} on container servers: $((SECONDS - began)) s"
fi
exit "$status"
