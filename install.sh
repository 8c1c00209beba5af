#!/usr/bin/env bash
# Put ctlr on this machine: Raspberry Pi OS (64 bit) or Debian 12 or 13.
#
#   sudo ./install.sh controller [--logging-device DEVICE --sync-device DEVICE]
#   sudo ./install.sh camera --controller HOST
#   sudo ./install.sh --uninstall
#
# Run it again after an update or a change of mind: it does what is missing and nothing else.
#
# For both:
#   --dry-run                say what would be done, change nothing
#   --name NAME              this machine's name in paths and reports [its host name]
#   --wheels DIR             take all Python packages from this folder; no internet is needed
#   --wheel FILE             install this built ctlr instead of building the checkout
#   --uninstall              take everything off again, except recordings, database and settings
# Controller:
#   --logging-device DEVICE  the partition for raw data: /dev/..., UUID=..., LABEL=... [LABEL=logging]
#   --sync-device DEVICE     the partition to take away [LABEL=sync]
#   --format-disk DISK       ERASE this whole disk and make both partitions on it
#   --yes                    do not ask before that
# Camera:
#   --controller HOST        the controller's name or address
#   --source SOURCE          what it records: test, v4l2, rtsp, picamera2 [test]
#   --device DEVICE          which camera of that kind
#   --ssh                    deliver over SSH with a key of this camera's own, not by rsync daemon
set -euo pipefail

checkout=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
packaging=$checkout/packaging
role='' dry_run=no uninstall=no name='' wheels='' wheel=''
logging_device='' sync_device='' format_disk='' assume_yes=no
controller='' source=test device='' by_ssh=no

# shellcheck source=packaging/install/steps.sh
. "$packaging/install/steps.sh"
# shellcheck source=packaging/install/common.sh
. "$packaging/install/common.sh"
# shellcheck source=packaging/install/drives.sh
. "$packaging/install/drives.sh"
# shellcheck source=packaging/install/controller.sh
. "$packaging/install/controller.sh"
# shellcheck source=packaging/install/camera.sh
. "$packaging/install/camera.sh"
# shellcheck source=packaging/install/remove.sh
. "$packaging/install/remove.sh"

usage() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
}

read_arguments() {
  while [ $# -gt 0 ]; do
    case $1 in
      controller | camera) [ -z "$role" ] || wrong "give one role, not $role and $1"; role=$1 ;;
      --dry-run) dry_run=yes ;;
      --uninstall) uninstall=yes ;;
      --yes) assume_yes=yes ;;
      --ssh) by_ssh=yes ;;
      --name | --wheels | --wheel | --logging-device | --sync-device | --format-disk | \
        --controller | --source | --device)
        [ $# -ge 2 ] || wrong "$1 needs a value"
        variable=${1#--}
        printf -v "${variable//-/_}" %s "$2"
        shift ;;
      -h | --help) usage; exit 0 ;;
      *) wrong "I do not know $1" ;;
    esac
    shift
  done
}

check_arguments() {
  [ "$uninstall" = no ] || return 0
  [ -n "$role" ] || wrong "say what this machine is to be: controller or camera"
  if [ "$role" = camera ]; then
    [ -n "$controller" ] || wrong "a camera needs --controller HOST"
    [[ $controller =~ ^[A-Za-z0-9._:-]+$ ]] || wrong "$controller is no host name or address"
    [[ $source =~ ^(test|v4l2|rtsp|picamera2)$ ]] || wrong "there is no camera source $source"
    [[ $device != *[\"\\]* ]] || wrong "--device may hold no quotes and no backslashes"
    [ -z "$logging_device$sync_device$format_disk" ] || wrong "a camera has no drive of its own"
  fi
  [ -n "$name" ] || name=$(hostname --short | tr '[:upper:]' '[:lower:]')
  [[ $name =~ ^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$ ]] ||
    wrong "$name is no node name (lower-case letters, digits, inner hyphens); give one with --name"
  [ -z "$wheels" ] || [ -d "$wheels" ] || wrong "$wheels is no folder"
  [ -z "$wheel" ] || [ -f "$wheel" ] || wrong "$wheel is no file"
}

read_arguments "$@"
check_arguments
require_machine
if [ "$uninstall" = yes ]; then
  remove_everything
elif [ "$role" = controller ]; then
  install_controller
else
  install_camera
fi
finish
