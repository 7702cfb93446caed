#!/bin/sh
set -eu
case "${1:-}" in -*) set -- valkey-server "$@" ;; esac
if [ "${1:-}" = valkey-server ]; then
  shift
  # the official image is compiled without protected mode
  set -- valkey-server --protected-mode no "$@"
fi
exec "$@"
