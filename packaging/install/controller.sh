# shellcheck shell=bash
# The controller: drive, broker, clock, what takes the cameras' deliveries, and the services.

readonly controller_services=(ctlr-api mount-watcher can-listener log-subscriber)

# Where the CAN listener says how it goes: in its own folder, since everybody may write to /tmp, and
# the listener has one of its own there.
status_file() {
  local told
  told=$(setting "$etc/ctlr.toml" can.status_file)
  case ${told:-/tmp/} in
    /tmp/* | /var/tmp/*) echo /run/ctlr-can/status.json ;;
    *) echo "$told" ;;
  esac
}

# Everything that can be wrong, before anything is changed.
check_controller() {
  local file=$etc/ctlr.toml
  refuse_fstab
  ! has_systemd || ! systemctl is-active --quiet rsync ||
    fail "another rsync daemon (rsync.service, /etc/rsyncd.conf) is running and has the port that cameras deliver to. Move it to another port or disable it. Nothing was changed."
  if ! is_controller && { [ -e "$units/ctlr-camera.service" ] || [ -n "$(setting "$file" camera.target)" ]; }; then
    fail "this machine is a camera, and $file is a camera's. A machine that is both is a controller first: sudo ./install.sh --uninstall, move $file away, sudo ./install.sh controller, then sudo ./install.sh camera --name NAME. Nothing was changed."
  fi
  own_node=$(setting "$file" node)
  if [ -n "$own_node" ] && [ "${name:-$own_node}" != "$own_node" ]; then
    fail "this controller is $own_node (node in $file). For another name, set node = \"$name\" there and run this again without --name. Nothing was changed."
  fi
  name=${name:-$own_node}
  default_name
  if [ -n "$format_disk" ]; then check_format; else plan_drives; fi
}

install_controller() {
  put_base controller
  put_ingest_user
  put_invoking_user
  put_drives
  put_controller_config
  put_delivery
  put_broker
  put_chrony controller.conf
  put_sysctl
  put_units ctlr.slice ctlr-privileged.socket ctlr-privileged@.service ctlr-drive-rights.service \
    ctlr-rsyncd.service "${controller_services[@]/%/.service}"
  [ ! -e "$units/ctlr-camera@.service" ] || put_units ctlr-camera@.service
  reload_units
  check_config "$etc/ctlr.toml"
  put_enabled ctlr-drive-rights
  put_running chrony mosquitto ctlr-privileged.socket ctlr-rsyncd "${controller_services[@]}"
  restart_further_cameras
  drop_old_releases
  [ ! -e "$units/ctlr-camera.service" ] ||
    note "ctlr-camera.service is of an earlier version, which shared $etc/ctlr.toml with the controller: sudo systemctl disable --now ctlr-camera, then sudo ./install.sh camera --name NAME."
  next "on each camera: sudo ./install.sh camera --controller $(hostname --short)"
  next "here, for each camera: sudo ctlr-allow-camera NAME, then ctlr nodes add NAME"
  next "ctlr preflight says whether the rig is ready; $etc/ctlr.toml holds its settings"
}

# Who takes what cameras deliver is in no group of ours: our passwords, sessions and the privileged
# program are no business of his. The controller is in his, so that it may handle what arrives.
put_ingest_user() {
  put_group ctlr-ingest
  put_user ctlr-ingest /var/lib/ctlr-ingest /bin/sh ctlr-ingest
  put_folder /var/lib/ctlr-ingest 750 ctlr-ingest:ctlr-ingest
  if [ -d /var/lib/ctlr-ingest/.ssh ]; then
    put_folder /var/lib/ctlr-ingest/.ssh 700 ctlr-ingest:ctlr-ingest
  fi
  [ "$(id -gn ctlr-ingest 2>/dev/null || echo ctlr-ingest)" = ctlr-ingest ] ||
    change "take ctlr-ingest out of the group ctlr" usermod --gid ctlr-ingest ctlr-ingest
  if ! id -nG ctlr 2>/dev/null | tr ' ' '\n' | grep -qx ctlr-ingest; then
    change "let ctlr handle what arrives" usermod --append --groups ctlr-ingest ctlr
    restart+=("${controller_services[@]}")
  fi
}

put_broker() {
  local folder=/etc/mosquitto
  put "$packaging/mosquitto/mqtt-user.sh" /usr/local/sbin/ctlr-mqtt-user 755 root:root || true
  if put "$packaging/mosquitto/ctlr.conf" $folder/conf.d/ctlr.conf 644 root:root; then
    restart+=(mosquitto)
  fi
  if put "$packaging/mosquitto/limits.conf" /etc/systemd/system/mosquitto.service.d/ctlr.conf 644 root:root; then
    restart+=(mosquitto)
  fi
  # Rights are added to this file, so it is ours only until then.
  [ -e $folder/ctlr.acl ] || put "$packaging/mosquitto/ctlr.acl" $folder/ctlr.acl 644 root:root || true
  # An earlier version gave it fewer rights, and nodes and readers more; who has a password keeps it.
  if [ ! -e "$etc/mqtt.env" ] || ! grep -qs "^$name:" $folder/ctlr.passwd ||
    ! grep -qs 'topic read $SYS/broker/log/N' $folder/ctlr.acl ||
    ! grep -qsx "topic write status/node/$name/+" $folder/ctlr.acl ||
    grep -qsx 'pattern write logging/%u/#' $folder/ctlr.acl; then
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
  if [ -e "$file" ]; then
    # A configuration that is there is the user's: it changes in what was asked for, and where no
    # drive is named yet.
    ! put_planned "$file" || restart+=("${controller_services[@]}")
    return 0
  fi
  put_text "$file" 640 root:ctlr <<TOML || true
# Settings of this controller. Every key there is, with its meaning:
# /usr/local/share/doc/ctlr/ctlr.toml.example. After a change: sudo ctlr check-config, then
# sudo systemctl restart ctlr-api mount-watcher can-listener log-subscriber
node = "$name"

# Cameras that announce themselves are adopted with \`ctlr nodes add\`; others stand here.
nodes = []

[storage]
logging_device = "$logging_tag"
sync_device = "$sync_tag"
# Names of the sessions' folders: day and time of the start in UTC, and what the session is called.
session_folder = "{date}_{time}_{label}"

[can]
status_file = "$(status_file)"
TOML
}

put_delivery() {
  # What ctlr-check-mount has to know and may be read by everybody, which the settings may not.
  put_text "$etc/delivery.toml" 644 root:root <<TOML || true
# Made of $etc/ctlr.toml by install.sh; after a change there run that again.
[storage]
logging = "$(setting "$etc/ctlr.toml" storage.logging /mnt/logging)"
require_mounts = $(setting "$etc/ctlr.toml" storage.require_mounts true | tr '[:upper:]' '[:lower:]')
[database]
path = "$(setting "$etc/ctlr.toml" database.path "$state/ctlr.db")"
TOML
  if put_filled "$packaging/rsyncd/rsyncd.conf" "$etc/rsyncd.conf" 644 root:root LOGGING=/mnt/logging; then
    restart+=(ctlr-rsyncd)
  fi
  if put "$packaging/rsyncd/serve" "$lib/serve-rsync" 755 root:root; then restart+=(ctlr-rsyncd); fi
  put_filled "$packaging/ssh/receive" "$lib/receive" 755 root:root LOGGING=/mnt/logging || true
  put "$packaging/ssh/allow-camera" /usr/local/sbin/ctlr-allow-camera 755 root:root || true
}
