# shellcheck shell=bash
# The controller: drive, broker, clock, what takes the cameras' deliveries, and the services.

install_controller() {
  local services=(ctlr-api mount-watcher can-listener log-subscriber)
  refuse_fstab
  put_base controller
  put_user ctlr-ingest /var/lib/ctlr-ingest /bin/sh ctlr
  put_folder /var/lib/ctlr-ingest 750 ctlr-ingest:ctlr
  put_invoking_user
  put_drives
  put_controller_config
  put_delivery
  put_broker
  put_chrony controller.conf
  put_sysctl
  put_units ctlr.slice ctlr-privileged.socket ctlr-privileged@.service ctlr-drive-rights.service \
    ctlr-rsyncd.service "${services[@]/%/.service}"
  reload_units
  check_config
  put_enabled ctlr-drive-rights
  put_running chrony mosquitto ctlr-privileged.socket ctlr-rsyncd "${services[@]}"
  drop_old_releases
}

put_broker() {
  local folder=/etc/mosquitto
  put "$packaging/mosquitto/mqtt-user.sh" /usr/local/sbin/ctlr-mqtt-user 755 root:root || true
  if put "$packaging/mosquitto/ctlr.conf" $folder/conf.d/ctlr.conf 644 root:root; then
    restart+=(mosquitto)
  fi
  # Rights are added to this file, so it is ours only until then.
  [ -e $folder/ctlr.acl ] || put "$packaging/mosquitto/ctlr.acl" $folder/ctlr.acl 644 root:root || true
  # An earlier version gave it fewer rights; who has a password keeps it.
  if [ ! -e "$etc/mqtt.env" ] || ! grep -qs "^$name:" $folder/ctlr.passwd ||
    ! grep -qs 'topic read $SYS/broker/log/N' $folder/ctlr.acl; then
    change "let $name in at the broker" \
      "$packaging/mosquitto/mqtt-user.sh" controller "$name" --into "$etc/mqtt.env" --no-reload
    restart+=(mosquitto)
  fi
}

put_sysctl() {
  if put "$packaging/sysctl/ctlr.conf" /etc/sysctl.d/80-ctlr.conf 644 root:root && [ "$dry_run" = no ]; then
    sysctl --quiet --load=/etc/sysctl.d/80-ctlr.conf ||
      note "net.core.rmem_max cannot be set on this machine; a burst on the CAN bus may be too much."
    restart+=(can-listener)
  fi
}

# Whoever installs may read what is recorded.
put_invoking_user() {
  local user=${SUDO_USER:-root}
  [ "$user" = root ] || id -nG "$user" | tr ' ' '\n' | grep -qx ctlr ||
    change "let $user read the recordings (group ctlr)" usermod --append --groups ctlr "$user"
}

put_controller_config() {
  local file=$etc/ctlr.toml
  if [ ! -e "$file" ]; then
    put_text "$file" 640 root:ctlr <<TOML || true
# Settings of this controller. Every key there is, with its meaning:
# /usr/local/share/doc/ctlr/ctlr.toml.example. After a change: ctlr check-config, then
# sudo systemctl restart ctlr-api mount-watcher can-listener log-subscriber
node = "$name"

# Cameras that announce themselves are adopted with \`ctlr nodes add\`; others stand here.
nodes = []

[storage]
logging_device = "$logging_tag"
sync_device = "$sync_tag"
TOML
    return
  fi
  put_device logging "$logging_tag" "$logging_device"
  put_device sync "$sync_tag" "$sync_device"
}

# A configuration that is there is the user's. The name of a drive changes in it where none is
# named yet, or where another one was asked for.
put_device() { # put_device VOLUME TAG ASKED_FOR
  local file=$etc/ctlr.toml line="${1}_device = \"$2\""
  [ -n "$2" ] && [ "$(configured_tag "$1")" != "$2" ] || return 0
  if grep -qx "${1}_device = \"${3:+.*}\"" "$file"; then
    change "name the $1 drive in $file" sed -i "s|^${1}_device = \".*\"\$|$line|" "$file"
    restart+=(ctlr-api mount-watcher can-listener log-subscriber)
  else
    note "$file does not say $line under [storage]; it was left as it is."
  fi
}

put_delivery() {
  ! has_systemd || ! systemctl is-active --quiet rsync ||
    fail "another rsync daemon (rsync.service, /etc/rsyncd.conf) is running and has the port that cameras deliver to. Move it to another port or disable it."
  if put_filled "$packaging/rsyncd/rsyncd.conf" "$etc/rsyncd.conf" 644 root:root LOGGING=/mnt/logging; then
    restart+=(ctlr-rsyncd)
  fi
  put_filled "$packaging/ssh/receive" "$lib/receive" 755 root:root LOGGING=/mnt/logging || true
  put "$packaging/ssh/allow-camera" /usr/local/sbin/ctlr-allow-camera 755 root:root || true
}
