# shellcheck shell=bash
# A camera node: its settings, the controller's clock, and one service.

install_camera() {
  [ "$source" != picamera2 ] || put_packages "$packaging/debian/picamera2.txt"
  put_base camera
  [ "$by_ssh" = no ] || put_key
  put_camera_config
  put_chrony camera.conf "CONTROLLER=$controller"
  put_units ctlr-camera.service ctlr-camera@.service
  reload_units
  check_config
  put_running chrony ctlr-camera
  restart_further_cameras
  drop_old_releases
  getent ahosts "$controller" >/dev/null ||
    note "$controller is not known on this network yet; deliveries wait until it is."
}

# Further cameras of this machine, each a ctlr-camera@NAME with its own $etc/NAME.toml.
restart_further_cameras() {
  local unit
  has_systemd || return 0
  [[ " ${restart[*]} " == *" ctlr-camera "* ]] || return 0
  while read -r unit _; do
    change "restart $unit" start_now restart "$unit"
  done < <(systemctl list-units --plain --no-legend --state=active 'ctlr-camera@*')
}

put_camera_config() {
  local file=$etc/ctlr.toml target="rsync://$controller/logging/" ssh_config=''
  if [ "$by_ssh" = yes ]; then
    target="ctlr-ingest@$controller:/mnt/logging/"
    ssh_config="ssh_config = \"$etc/ssh_config\""
  fi
  if [ -e "$file" ]; then
    grep -qxF "target = \"$target\"" "$file" ||
      note "$file does not say target = \"$target\" under [camera]; it was left as it is."
    return
  fi
  put_text "$file" 640 root:ctlr <<TOML || true
# Settings of this camera. Every key there is, with its meaning:
# /usr/local/share/doc/ctlr/ctlr.toml.example. After a change: ctlr check-config, then
# sudo systemctl restart ctlr-camera
node = "$name"

[mqtt]
host = "$controller"

[camera]
source = "$source"
device = "$device"
controller = "http://$controller:8000"
target = "$target"
$ssh_config
TOML
  [ "$source" != test ] || note "this camera records a test picture; for a real one set source in $file."
}

# A key that opens nothing but this camera's own folder on the controller.
put_key() {
  local key=$etc/camera_key
  [ -e "$key" ] || change "make the key $key" make_key "$key"
  put_text "$etc/ssh_config" 644 root:root <<SSH || true
Host $controller
  IdentityFile $key
  IdentitiesOnly yes
  LogLevel ERROR
  UserKnownHostsFile $state/known_hosts
SSH
  [ ! -e "$key.pub" ] ||
    note "on the controller, let this camera in: sudo ctlr-allow-camera $name '$(cut -d ' ' -f 1,2 "$key.pub")'"
}

make_key() {
  ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$1" && chown ctlr:ctlr "$1" "$1.pub" && chmod 600 "$1"
}
