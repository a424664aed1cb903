#!/bin/sh
# A container engine of its own in FOLDER, for hosts where no Docker is running: podman with runc, as root.
#   eval "$(kubeflow/engine.sh FOLDER)"    sets DOCKER_HOST for docker's and kfp's clients, and podman's settings
#   kill "$(cat FOLDER/engine.pid)"        ends it; its images stay in FOLDER
# cgroupfs, the host's network and low limits work in small virtual machines too. Inside of a container, where
# overlays cannot be stacked, set STORAGE_DRIVER=vfs: then each container costs a copy of the image.
set -eu
mkdir -p "$1" && folder=$(cd "$1" && pwd)
cat > "$folder/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
netns = "host"
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
tmp_dir = "$folder/tmp"
lock_type = "file"
CONF
cat > "$folder/storage.conf" <<CONF
[storage]
driver = "${STORAGE_DRIVER:-overlay}"
runroot = "$folder/run"
graphroot = "$folder/images"
CONF
export CONTAINERS_CONF="$folder/containers.conf" CONTAINERS_STORAGE_CONF="$folder/storage.conf"
socket="unix://$folder/engine.sock"
if ! podman --url "$socket" version > "$folder/engine.log" 2>&1; then
  rm -f "$folder/engine.sock"
  setsid podman system service --time=0 "$socket" >> "$folder/engine.log" 2>&1 &
  echo $! > "$folder/engine.pid"
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -S "$folder/engine.sock" ] && break || sleep 1
  done
  podman --url "$socket" version >> "$folder/engine.log" 2>&1 || { cat "$folder/engine.log" >&2; exit 1; }
fi
echo "export DOCKER_HOST=$socket CONTAINERS_CONF=$CONTAINERS_CONF CONTAINERS_STORAGE_CONF=$CONTAINERS_STORAGE_CONF"
