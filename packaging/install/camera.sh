# shellcheck shell=bash
# A camera node: its settings, the controller's clock, and one service. The first camera of a
# machine has $etc/ctlr.toml and ctlr-camera; further ones, and one beside a controller, have
# $etc/NAME.toml and ctlr-camera@NAME each. The clock is the first one's and the controller's.

# Everything that can be wrong, before anything is changed.
check_camera() {
  own_node=$(setting "$etc/ctlr.toml" node)
  config=$etc/ctlr.toml unit=ctlr-camera suffix=''
  if is_controller; then
    beside_controller
  elif [ "$another" = yes ] || { [ -n "$name" ] && [ "$name" != "$own_node" ] && [ -e "$etc/$name.toml" ]; }; then
    beside_camera
  fi
  [ -e "$config" ] || [ -n "$controller" ] || wrong "a camera needs --controller HOST"
  if [ "$config" = "$etc/ctlr.toml" ]; then
    check_first_camera
  fi
  default_name
  if [ -e "$config" ]; then
    plan_camera
  else
    source=${source:-test} port=${port:-8080}
    check_device
  fi
  check_alone
}

check_first_camera() {
  [ -z "$own_node" ] || [ "${name:-$own_node}" = "$own_node" ] ||
    fail "this camera is $own_node (node in $config). For one more camera on this machine give --another. For another name: let it deliver what it has, set node = \"$name\" there, let $name in on the controller (sudo ctlr-allow-camera $name), put the lines that this prints into $etc/mqtt.env, and run this again without --name. Nothing was changed."
  name=${name:-$own_node}
  [ -z "$controller" ] || ! is_this_machine "$controller" ||
    fail "$controller is this machine, and it is no controller: sudo ./install.sh controller makes it one. Nothing was changed."
}

further_camera() { # its own settings and unit
  [[ $name != ctlr && $name != rsyncd && $name != delivery && $name != "$own_node" ]] ||
    wrong "$name is taken on this machine; give the camera another --name"
  config=$etc/$name.toml unit=ctlr-camera@$name suffix=-$name
}

# The rig's clock is this machine's already, and its rsync daemon is near.
beside_controller() {
  [ -n "$name" ] || wrong "this machine is the controller $own_node; a camera on it needs a --name of its own"
  [ -z "$controller" ] || is_this_machine "$controller" ||
    fail "this machine is the controller $own_node; a camera on it cannot be that of $controller. Leave --controller out. Nothing was changed."
  refuse_given "is of no use here: the camera is on the controller itself" --ssh
  further_camera
  controller=127.0.0.1
}

beside_camera() {
  local first
  [ -n "$own_node" ] || fail "this machine has no first camera yet: install that without --another. Nothing was changed."
  further_camera
  first=$(setting "$etc/ctlr.toml" camera.controller)
  first=${first#http://} first=${first%%[:/]*}
  [ "${controller:-$first}" = "$first" ] ||
    fail "the first camera of this machine is that of $first, whose clock it has (camera.controller in $etc/ctlr.toml). Leave --controller out. Nothing was changed."
  controller=$first
}

# Run again: what was given changes wherever it stands, what was not stays.
plan_camera() {
  wanted=()
  if [ -z "$(setting "$config" camera.controller)$(setting "$config" camera.target)" ]; then
    fail "$config is not a camera's: it has neither controller nor target under [camera]. Move it away, or set both, and run this again. Nothing was changed."
  fi
  [ "$unit" = ctlr-camera ] || [ "$(setting "$config" node)" = "$name" ] ||
    fail "$config is the camera $(setting "$config" node), not $name. Set node = \"$name\" in it, or move it away. Nothing was changed."
  if [ "$(setting "$config" camera.ssh_config)" = "$etc/ssh_config$suffix" ]; then by_ssh=yes; fi
  want_controller
  want_source
  ! is_given --port || wanted+=("camera.port=$port")
  plan_settings "$config" ${wanted[@]+"${wanted[@]}"}
  port=${port:-$(setting "$config" camera.port 8080)}
}

want_controller() {
  local url host target
  url=$(setting "$config" camera.controller http://ctlr:8000)
  host=${url#*://} host=${host%%[:/]*}
  target=$(setting "$config" camera.target)
  controller=${controller:-$host}
  if [ "$controller" = "$host" ] && ! is_given --ssh; then return; fi
  case $target in
    "rsync://$host/logging/" | "ctlr-ingest@$host:/mnt/logging/") ;;
    "$(target_of)") ;;
    *) fail "$config delivers to $target, which is not how this program sets it up. Set these keys in it, and run this again without --controller and --ssh: controller and target under [camera], host under [mqtt]. Nothing was changed." ;;
  esac
  wanted+=("camera.controller=${url/"$host"/$controller}" "camera.target=$(target_of)")
  [ "$by_ssh" = no ] || wanted+=("camera.ssh_config=$etc/ssh_config$suffix")
  # A broker that is not on the controller stays where it is.
  [ "$(setting "$config" mqtt.host "$host")" != "$host" ] || wanted+=("mqtt.host=$controller")
}

want_source() {
  local source_now device_now
  source_now=$(setting "$config" camera.source test)
  device_now=$(setting "$config" camera.device)
  if is_given --source || is_given --device; then
    source=${source:-$source_now}
    # A device is one of its kind: another kind does not keep it.
    if ! is_given --device && [ "$source" = "$source_now" ]; then device=$device_now; fi
    check_device
    wanted+=("camera.source=$source" "camera.device=$device")
  else
    source=$source_now device=$device_now
  fi
}

target_of() {
  if [ "$by_ssh" = yes ]; then
    echo "ctlr-ingest@$controller:/mnt/logging/"
  else
    echo "rsync://$controller/logging/"
  fi
}

# No two nodes of a machine on one port, or on one camera.
check_alone() {
  local other role_of taken
  for other in "$etc"/*.toml; do
    if [ ! -e "$other" ] || [ "$other" = "$config" ]; then continue; fi
    role_of=$(setting "$other" camera.target)
    if [ "$other" = "$etc/ctlr.toml" ] && is_controller; then
      [ "$port" != "$(setting "$other" api.port 8000)" ] || wrong "port $port is the controller's; give the camera another --port"
      [ -e "$units/ctlr-camera.service" ] || continue
    elif [ -z "$role_of" ]; then
      continue
    fi
    [ "$port" != "$(setting "$other" camera.port 8080)" ] ||
      wrong "port $port is taken by the camera of $other; give this one another --port"
    taken=$(setting "$other" camera.device)
    if [ "$source" = v4l2 ] && [ "$(setting "$other" camera.source)" = v4l2 ] &&
      [ "${device:-/dev/video0}" = "${taken:-/dev/video0}" ]; then
      wrong "${device:-/dev/video0} is what the camera of $other records; give this one another --device"
    fi
  done
}

install_camera() {
  [ "$source" != picamera2 ] || put_packages "$packaging/debian/picamera2.txt"
  put_base camera
  [ "$by_ssh" = no ] || put_key
  put_camera_config
  if [ "$unit" = ctlr-camera ]; then
    put_chrony camera.conf "CONTROLLER=$controller"
    put_units ctlr-camera.service
  fi
  put_units ctlr-camera@.service
  [[ " ${restart[*]} " != *" ctlr-camera@ "* ]] || restart+=("$unit")
  reload_units
  check_config "$config"
  if is_controller; then
    put_own_password
    put_running "${controller_services[@]}"
  else
    put_running chrony
    # Its program is a new one as well, whichever camera was asked for.
    if [ "$unit" != ctlr-camera ] && [ -e "$units/ctlr-camera.service" ]; then put_running ctlr-camera; fi
  fi
  put_running "$unit"
  restart_further_cameras "$unit"
  drop_old_releases
  is_controller || getent ahosts -- "$controller" >/dev/null ||
    note "$controller is not known on this network yet; deliveries wait until it is."
  say_what_is_next
}

# The broker is here, so what it wants to know of a camera need not be carried to it.
put_own_password() {
  [ -e "$etc/mqtt$suffix.env" ] ||
    change "let $name in at the broker" \
      "$packaging/mosquitto/mqtt-user.sh" node "$name" --into "$etc/mqtt$suffix.env"
}

say_what_is_next() {
  if is_controller; then
    next "ctlr nodes add 127.0.0.1:$port --name $name"
  else
    next "on the controller: sudo ctlr-allow-camera $name$(printed_key), and put the two lines that it prints into $etc/mqtt$suffix.env here"
    next "here: sudo systemctl restart $unit"
    next "on the controller: ctlr nodes add $(hostname --short):$port --name $name, then ctlr preflight"
  fi
}

printed_key() {
  [ "$by_ssh" = no ] || [ ! -e "$etc/camera_key$suffix.pub" ] ||
    echo " '$(cut -d ' ' -f 1,2 "$etc/camera_key$suffix.pub")'"
}

# Further cameras of this machine, each a ctlr-camera@NAME with its own $etc/NAME.toml.
restart_further_cameras() { # restart_further_cameras [BUT_THIS]
  local further
  has_systemd || return 0
  [[ " ${restart[*]} " == *" ctlr-camera@ "* ]] || return 0
  while read -r further _; do
    [ "$further" = "${1-}.service" ] ||
      change "restart $further" start_now restart "$further"
  done < <(systemctl list-units --plain --no-legend --state=active 'ctlr-camera@*')
}

put_camera_config() {
  local ssh_config=''
  if [ -e "$config" ]; then
    ! put_planned "$config" || restart+=("$unit")
    return 0
  fi
  [ "$by_ssh" = no ] || ssh_config="ssh_config = \"$etc/ssh_config$suffix\""
  put_text "$config" 640 root:ctlr <<TOML || true
# Settings of this camera. Every key there is, with its meaning:
# /usr/local/share/doc/ctlr/ctlr.toml.example. After a change:
# sudo ctlr --config $config check-config && sudo systemctl restart $unit
node = "$name"

[mqtt]
host = "$controller"

[camera]
source = "$source"
device = "$device"
port = $port
controller = "http://$controller:$(controller_port)"
target = "$(target_of)"
$ssh_config
TOML
  [ "$source" != test ] || note "this camera records a test picture; for a real one run this again with --source."
}

controller_port() {
  if is_controller; then setting "$etc/ctlr.toml" api.port 8000; else echo 8000; fi
}

# A key that opens nothing but this camera's own folder on the controller.
put_key() {
  local key=$etc/camera_key$suffix
  [ -e "$key" ] || change "make the key $key" make_key "$key"
  if put_text "$etc/ssh_config$suffix" 644 root:root; then
    restart+=("$unit")
  fi <<SSH
Host $controller
  IdentityFile $key
  IdentitiesOnly yes
  LogLevel ERROR
  UserKnownHostsFile $state/known_hosts
SSH
  [ ! -e "$key.pub" ] ||
    note "on the controller, let this camera in: sudo ctlr-allow-camera $name$(printed_key)"
}

make_key() {
  ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$1" && chown ctlr:ctlr "$1" "$1.pub" && chmod 600 "$1"
}
