#!/bin/sh
# Builds the image with podman on a base made by debootstrap: for hosts that reach Debian and PyPI, but no
# registry of images. Needs podman's settings from engine.sh.
#   kubeflow/image.sh TAG [ARGUMENT OF PODMAN BUILD ...]
set -eu
cd "$(dirname "$0")/.."
tag=$1
shift
base=localhost/debian-python:3.11
if ! podman image exists "$base"; then
  root=$(mktemp -d)
  trap 'rm -rf "$root"' EXIT
  debootstrap --variant=minbase --include=python3-venv,ca-certificates bookworm "$root"
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/doc/* "$root"/usr/share/man/* \
    "$root"/usr/share/locale/*
  tar -C "$root" -c . | podman import - "$base"
fi
# What this host trusts, and where its pip looks, for the time of the build only.
for file in /etc/ssl/certs/ca-certificates.crt /etc/pip.conf; do
  [ -f "$file" ] && set -- --volume "$file:$file:ro" "$@"
done
podman build --format docker --layers --network host --build-arg BASE_IMAGE="$base" \
  --file kubeflow/Dockerfile --tag "$tag" "$@" .
