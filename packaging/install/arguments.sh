# shellcheck shell=bash
# The command line, and what of it can be checked without a look at the machine.

usage() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
}

read_arguments() {
  local variable
  # Wherever it stands, and whatever else is wrong: with this word nothing is ever changed.
  [[ " $* " != *" --dry-run "* ]] || dry_run=yes
  while [ $# -gt 0 ]; do
    case $1 in
      controller | camera) [ -z "$role" ] || wrong "give one role, not $role and $1"; role=$1 ;;
      --dry-run) ;;
      --uninstall) uninstall=yes ;;
      --yes | --ssh | --another)
        ! is_given "$1" || wrong "$1 was given twice"
        given+=("$1")
        case $1 in
          --yes) assume_yes=yes ;;
          --ssh) by_ssh=yes ;;
          --another) another=yes ;;
        esac ;;
      --name | --wheels | --wheel | --logging-device | --sync-device | --format-disk | \
        --controller | --source | --device | --port)
        # A word that was forgotten would else take the next option for itself.
        [ $# -ge 2 ] || wrong "$1 needs a value"
        [ -n "$2" ] || wrong "$1 needs a value, and what it was given is empty"
        [[ $2 != -* ]] || wrong "$1 needs a value, and $2 is none"
        ! is_given "$1" || wrong "$1 was given twice"
        given+=("$1")
        variable=${1#--}
        printf -v "${variable//-/_}" %s "$2"
        shift ;;
      -h | --help) usage; exit 0 ;;
      --?*=*) wrong "I do not know $1; a value stands after a space: ${1%%=*} VALUE" ;;
      [–—−]* | -[!-]?*) wrong "I do not know $1; options begin with two plain hyphens" ;;
      *) wrong "I do not know $1" ;;
    esac
    shift
  done
}

is_given() { [[ " ${given[*]-} " == *" $1 "* ]]; }

refuse_given() { # refuse_given WHY OPTION...: options that mean nothing here
  local option
  for option in "${@:2}"; do
    ! is_given "$option" || wrong "$option $1"
  done
}

check_arguments() {
  if [ "$uninstall" = yes ]; then
    [ -z "$role" ] || wrong "--uninstall takes everything off this machine, so it goes without $role"
    refuse_given "has no meaning beside --uninstall" ${given[@]+"${given[@]}"}
    return 0
  fi
  case $role in
    controller) check_controller_arguments ;;
    camera) check_camera_arguments ;;
    *) wrong "say what this machine is to be: controller or camera" ;;
  esac
  [ -z "$name" ] || check_name
  [ -z "$wheels" ] || [ -d "$wheels" ] || wrong "$wheels is no folder"
  [ -z "$wheels" ] || compgen -G "$wheels/*.whl" >/dev/null || wrong "there are no wheels in $wheels"
  [ -z "$wheel" ] || [ -f "$wheel" ] || wrong "$wheel is no file"
  [ -z "$wheel" ] || [[ ${wheel##*/} == ctlr-*.whl ]] || wrong "$wheel is no wheel of ctlr"
}

check_name() {
  [[ $name =~ ^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$ ]] ||
    wrong "$name is no node name (lower-case letters, digits, inner hyphens); give one with --name"
  [[ ! $name =~ ^(phone|watch|can|logs)$ ]] ||
    wrong "$name is no node name, it stands for something else in a session; give one with --name"
}

check_controller_arguments() {
  refuse_given "is for a camera; this machine is to be a controller" \
    --controller --source --device --port --ssh --another
  check_partition --logging-device "$logging_device"
  check_partition --sync-device "$sync_device"
  if [ -n "$format_disk" ]; then
    [[ ${logging_device:-LABEL=logging} == LABEL=logging && ${sync_device:-LABEL=sync} == LABEL=sync ]] ||
      wrong "--format-disk makes both partitions, with the labels logging and sync; no others can be named beside it"
  else
    refuse_given "answers a question that only --format-disk asks" --yes
  fi
}

check_partition() { # check_partition OPTION VALUE
  [[ $2 =~ ^(/dev/[^[:space:]]+|(UUID|LABEL|PARTUUID)=[A-Za-z0-9._:-]+)?$ ]] ||
    wrong "$1 takes /dev/..., UUID=..., LABEL=... or PARTUUID=..., not $2 (a label: letters, digits and . _ - only)"
}

check_camera_arguments() {
  refuse_given "is for the controller; a camera has no drive of its own" \
    --logging-device --sync-device --format-disk --yes
  [ -z "$controller" ] || check_host
  [ -z "$source" ] || [[ $source =~ ^(test|v4l2|rtsp|picamera2)$ ]] ||
    wrong "there is no camera source $source (test, v4l2, rtsp, picamera2)"
  [[ $device != *[\"\\[:space:][:cntrl:]]* ]] ||
    wrong "--device may hold no spaces, no quotes and no backslashes"
  if [ -n "$port" ]; then
    [[ $port =~ ^[1-9][0-9]{0,4}$ ]] && [ "$port" -le 65535 ] || wrong "$port is no port (1 to 65535)"
  fi
  if [ "$another" = yes ]; then
    [ -n "$name" ] || wrong "--another camera needs --name NAME"
    [ -n "$port" ] || wrong "--another camera needs a --port of its own, such as 8081"
  fi
}

check_host() {
  local part='[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?' byte='(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'
  [ ${#controller} -le 253 ] && [[ $controller =~ ^$part(\.$part)*$ ]] ||
    wrong "$controller is no host name or address (without http:// and without a port; give an IPv6 address a name in /etc/hosts)"
  [[ ! $controller =~ ^[0-9.]+$ ]] || [[ $controller =~ ^$byte(\.$byte){3}$ ]] ||
    wrong "$controller is no address: that has four numbers from 0 to 255"
  controller=${controller,,} # names of hosts know no case, and settings are compared
}

# check_device: whether what is recorded from fits the kind of camera, given or configured.
check_device() {
  case $source in
    test) [ -z "$device" ] || wrong "the test picture needs no --device; say which --source that is" ;;
    v4l2) [[ ${device:-/dev/video0} == /dev/?* ]] || wrong "--source v4l2 takes a device such as /dev/video0, not $device" ;;
    rtsp) [[ $device =~ ^rtsps?://[^/[:space:]] ]] || wrong "--source rtsp needs --device rtsp://ADDRESS/..., not ${device:-nothing}" ;;
    picamera2) [[ ${device:-0} =~ ^[0-9]$ ]] || wrong "--source picamera2 takes a number such as 0, not $device" ;;
  esac
}
