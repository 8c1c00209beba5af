#!/usr/bin/env bash
# Put ctlr on this machine: Raspberry Pi OS (64 bit) or Debian 12 or 13.
#
#   sudo ./install.sh controller [--logging-device DEVICE --sync-device DEVICE]
#   sudo ./install.sh camera --controller HOST
#   sudo ./install.sh camera --name NAME              (on the controller: a camera beside it)
#   sudo ./install.sh camera --another --name NAME --port PORT
#   sudo ./install.sh --uninstall
#
# Run it again after an update or a change of mind: it does what is missing and nothing else. What
# is given is checked before anything is changed; what is not given stays as it is.
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
#   --port PORT              where the controller reaches it [8080]
#   --ssh                    deliver over SSH with a key of this camera's own, not by rsync daemon
#   --another                one more camera on this machine, with a name and a port of its own
set -euo pipefail

checkout=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
packaging=$checkout/packaging
role='' dry_run=no uninstall=no name='' wheels='' wheel=''
logging_device='' sync_device='' format_disk='' assume_yes=no
controller='' source='' device='' port='' by_ssh=no another=no
given=()

# shellcheck source=packaging/install/steps.sh
. "$packaging/install/steps.sh"
# shellcheck source=packaging/install/arguments.sh
. "$packaging/install/arguments.sh"
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

# Until all is checked, nothing is changed: what a check cannot accept leaves the machine as it was.
read_arguments "$@"
check_arguments
require_machine
if [ "$uninstall" = yes ]; then
  remove_everything
elif [ "$role" = controller ]; then
  check_controller
  install_controller
else
  check_camera
  install_camera
fi
finish
