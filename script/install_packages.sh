#!/usr/bin/env bash
# Install the Debian packages that the demo needs, and with the word "tests" those that only the
# tests need; silent when all are there.
#
# Two of them bring services (mosquitto, ssh). The demo and the tests start programs of their
# own on free ports, so a service that comes in here is neither started nor enabled: opening a
# port on somebody's machine is not ours to decide. One that was there before is left alone.
set -euo pipefail

packages=(python3-venv rsync mosquitto mosquitto-clients ffmpeg openssh-client openssh-server
  curl xxhash faketime fdisk e2fsprogs exfatprogs)
only_tests=(fuse3 exfat-fuse chromium firefox-esr shellcheck debootstrap systemd-container qemu-system-x86
  qemu-utils)
[ "${1:-}" != tests ] || packages+=("${only_tests[@]}")
services=(mosquitto ssh)
policy=/usr/sbin/policy-rc.d

is_installed() {
  [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

if ! command -v dpkg-query >/dev/null; then
  echo "This is not Debian; install these by hand if they are missing: ${packages[*]}" >&2
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  is_installed "$package" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "Please install, as root: apt-get install ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi

has_unit() { [ -e "/lib/systemd/system/$1.service" ]; }
new_services=()
for service in "${services[@]}"; do
  has_unit "$service" || new_services+=("$service")
done

if [ ! -e "$policy" ]; then
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
fi

echo "Installing Debian packages: ${missing[*]}"
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq)
"${apt[@]}" update
"${apt[@]}" install --yes --no-install-recommends "${missing[@]}" >/dev/null

for service in "${new_services[@]}"; do
  if has_unit "$service" && command -v systemctl >/dev/null; then
    "${as_root[@]}" systemctl disable --quiet "$service" || true
  fi
done
