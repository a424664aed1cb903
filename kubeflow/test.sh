#!/bin/sh
# What needs a container engine: builds the image, and runs the tests of it and of the pipeline in containers.
# Docker is used where it is running; otherwise podman, as root, in FOLDER, where the image stays for next time.
#   kubeflow/test.sh FOLDER [ARGUMENT OF PYTEST ...]
set -eu
cd "$(dirname "$0")/.."
folder=$1
shift
export TFX_PRIVACY_IMAGE=localhost/tfx-privacy:cpu
if docker info > /dev/null 2>&1; then
  docker build --file kubeflow/Dockerfile --tag "$TFX_PRIVACY_IMAGE" .
else
  eval "$(kubeflow/engine.sh "$folder")"
  trap 'kill "$(cat "$folder/engine.pid")"' EXIT
  kubeflow/image.sh "$TFX_PRIVACY_IMAGE"
fi
.venv/bin/pytest tests/kubeflow tests/pipelines/kubeflow "$@"
