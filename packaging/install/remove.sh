# shellcheck shell=bash
# Taking ctlr off again. What was recorded, the database and the settings stay.

remove_everything() {
  local unit
  remove_further_cameras
  for unit in ctlr-api mount-watcher can-listener log-subscriber ctlr-camera ctlr-rsyncd \
    ctlr-privileged.socket ctlr-drive-rights mnt-logging.mount mnt-sync.mount; do
    remove_unit "$unit"
  done
  drop "$units"/ctlr.slice "$units"/ctlr-privileged@.service "$units"/ctlr-camera@.service "$units"/mnt-{logging,sync}.mount
  free_mount_point /mnt/logging
  free_mount_point /mnt/sync
  remove_configuration chrony /etc/chrony/conf.d/ctlr.conf
  drop /etc/systemd/system/mosquitto.service.d/ctlr.conf
  remove_configuration mosquitto /etc/mosquitto/conf.d/ctlr.conf
  drop /etc/sysctl.d/80-ctlr.conf "$lib" "$opt" /usr/local/bin/ctlr /usr/local/share/doc/ctlr \
    /usr/local/sbin/ctlr-allow-camera /usr/local/sbin/ctlr-mqtt-user
  reload_units
  [ "$changes" -eq 0 ] ||
    note "the drive, $state (database, unsent segments), $etc (settings), the users and the Debian packages are still there."
}

remove_further_cameras() { # each ctlr-camera@NAME
  local unit
  ! has_systemd || while read -r unit _; do
    change "stop $unit" systemctl stop "$unit"
  done < <(systemctl list-units --plain --no-legend --state=active 'ctlr-camera@*')
  drop "$units"/multi-user.target.wants/ctlr-camera@?*.service
}

remove_unit() { # stopped, disabled, gone
  local file=$units/$1
  [[ $1 == *.* ]] || file=$file.service
  [ -e "$file" ] || return 0
  ! has_systemd || ! systemctl is-active --quiet "$1" || change "stop $1" systemctl stop "$1"
  ! systemctl is-enabled --quiet "$1" 2>/dev/null || change "disable $1" systemctl --quiet disable "$1"
  drop "$file"
}

free_mount_point() {
  if [ ! -d "$1" ] || mountpoint --quiet "$1" || [ -n "$(ls -A "$1")" ]; then
    return
  fi
  change "remove the empty $1" remove_mount_point "$1"
}

remove_mount_point() {
  chattr -i "$1" 2>/dev/null || true # a file system without that flag
  rmdir "$1"
}

remove_configuration() { # remove_configuration SERVICE FILE
  [ -e "$2" ] || return 0
  drop "$2"
  ! has_systemd || ! systemctl is-active --quiet "$1" || change "restart $1" systemctl restart "$1"
}
