# shellcheck shell=bash
# What controller and camera have in common: packages, users, the program itself, units.

readonly opt=/opt/ctlr etc=/etc/ctlr state=/var/lib/ctlr lib=/usr/local/lib/ctlr
# Below /etc and /run, so that `systemctl edit` wins over it.
readonly units=/usr/local/lib/systemd/system
readonly releases=$opt/releases current=$opt/current
# What a wheel is built of.
readonly sources=(pyproject.toml README.md LICENSE src/ctlr docs/how-to)

require_machine() {
  [ "$(id -u)" -eq 0 ] || fail "this needs root: sudo ./install.sh ..."
  command -v dpkg-query >/dev/null || fail "this is neither Debian nor Raspberry Pi OS"
  case $(uname -m) in
    x86_64 | aarch64) ;;
    *) fail "ctlr runs on 64 bit systems (arm64, amd64); this one is $(uname -m)" ;;
  esac
  [ "$uninstall" = yes ] || [ "$dry_run" = yes ] || require_no_recording
}

# An update restarts the services. That ends no recording on the controller, but on a camera it
# leaves a hole, and nobody updates in the middle of a take.
require_no_recording() {
  local url said urls
  [ -x "$current/bin/python3" ] || return 0
  mapfile -t urls < <(own_addresses)
  for url in "${urls[@]}"; do
    said=$("$current/bin/python3" -I - "$url" <<'PY' 2>/dev/null || true
import json, sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
answer = json.load(opener.open(sys.argv[1], timeout=3))
state = answer.get("data") or answer
print(bool(state.get("recording")) or state.get("state") in ("recording", "cleanup"))
PY
    )
    [ "$said" != True ] || fail "this machine is recording. Stop the recording first; nothing was changed."
  done
}

# Where the controller and the cameras of this machine answer, by their settings.
own_addresses() {
  local file
  echo "http://127.0.0.1:$(setting "$etc/ctlr.toml" api.port 8000)/api/status"
  for file in "$etc"/*.toml; do
    echo "http://127.0.0.1:$(setting "$file" camera.port 8080)/status"
  done
}

setting() { # setting FILE KEY [DEFAULT]: as the file says it; nothing where there is no file
  if [ -e "$1" ]; then
    python3 -I "$packaging/install/settings.py" get "$@" 2>/dev/null || true
  else
    echo "${3-}"
  fi
}

is_controller() { [ -e "$units/ctlr-api.service" ]; }

default_name() { # the host's, where none was given
  [ -n "$name" ] || name=$(hostname --short | tr '[:upper:]' '[:lower:]')
  check_name
}

own_node='' # what the settings of this machine call it
is_this_machine() { # is_this_machine HOST, in small letters
  local names
  case $1 in
    localhost | 127.* | 0.*) return 0 ;;
  esac
  names="$(hostname) $(hostname --short) $(hostname --all-ip-addresses 2>/dev/null)"
  is_controller && [ "$1" = "$own_node" ] || [[ " ${names,,} " == *" $1 "* ]]
}

# plan_settings FILE KEY=VALUE...: the settings with these values, in $planned, before anything is
# done; nothing where they are so already. Ends where a program cannot put them there, and names the
# keys.
planned=''
plan_settings() {
  [ -e "$1" ] || return 0
  planned=$(python3 -I "$packaging/install/settings.py" set "$@") ||
    fail "the settings that are there stay in force: correct them and run this again. Nothing was changed."
}

put_planned() { # put_planned FILE: returns 0 if it had to change
  [ -n "$planned" ] && put_text "$1" 640 root:ctlr <<<"$planned"
}

put_base() { # put_base ROLE: everything that comes before the configuration
  put_packages "$packaging/debian/$1.txt"
  put_group ctlr
  put_user ctlr "$state" /usr/sbin/nologin ctlr
  put_folder "$etc" 755 root:root
  # Passed through, not listed: who takes deliveries reads one small file there.
  put_folder "$state" 751 ctlr:ctlr
  put_release
  put_link "$current/bin/ctlr" /usr/local/bin/ctlr
  put "$packaging/ctlr.toml.example" /usr/local/share/doc/ctlr/ctlr.toml.example 644 root:root || true
}

# A release is a folder of its own, named by what went into it, and becomes current by one rename:
# an installation that is interrupted leaves the one before.
put_release() {
  local key release
  key=$(release_key)
  release=$releases/$key
  [ -e "$release/.complete" ] || change "build ctlr in $release" build_release "$release"
  if [ "$(readlink "$current")" != "releases/$key" ]; then
    change "make $release the current one" put_link_now "releases/$key" "$current"
    restart+=("${controller_services[@]}" ctlr-camera ctlr-camera@)
  fi
}

release_key() {
  {
    sed -n 's/^VERSION_ID=//p' /etc/os-release
    ! has_picamera2 || echo picamera2
    cat "$packaging/python/"*.txt
    if [ -n "$wheel" ]; then
      cat "$wheel"
    else
      cd "$checkout" || exit
      find "${sources[@]}" -type f ! -name '*.pyc' -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum
    fi
  } | sha256sum | cut -c 1-16
}

has_picamera2() { [ -d /usr/share/doc/python3-picamera2 ]; }

build_release() {
  local release=$1 built=$wheel options=() pip
  rm -rf "$release"
  mkdir -p "$releases"
  # picamera2 comes with the system and is not to be had otherwise.
  ! has_picamera2 || options+=(--system-site-packages)
  python3 -m venv ${options[@]+"${options[@]}"} "$release" || return
  pip=("$release/bin/pip" --quiet --no-input --disable-pip-version-check)
  pip_install "$packaging/python/requirements.txt" "${pip[@]}" || return
  if [ -z "$built" ]; then
    build_wheel "$release/build" || return
    built=$(echo "$release"/build/*.whl)
  fi
  # Both roles: what they need is installed already, by hash.
  "${pip[@]}" install --no-deps --no-index "$built[controller,camera]" || return
  rm -rf "$release/build"
  touch "$release/.complete"
  sync --file-system "$release"
}

build_wheel() { # build_wheel FOLDER: the wheel of this checkout, without touching it
  local folder=$1 pip
  python3 -m venv "$folder/tools" || return
  pip=("$folder/tools/bin/pip" --quiet --no-input --disable-pip-version-check)
  pip_install "$packaging/python/requirements-build.txt" "${pip[@]}" || return
  copy_sources "$folder" || return
  "${pip[@]}" wheel --no-deps --no-index --no-build-isolation --wheel-dir "$folder" "$folder"
}

copy_sources() { # copy_sources FOLDER
  (cd "$checkout" && cp --recursive --parents "${sources[@]}" "$1/")
}

pip_install() { # pip_install REQUIREMENTS PIP...: what is listed, by hash
  local from=()
  [ -z "$wheels" ] || from=(--no-index --find-links "$wheels")
  "${@:2}" install --require-hashes --only-binary=:all: ${from[@]+"${from[@]}"} --requirement "$1"
}

drop_old_releases() {
  local release
  for release in "$releases"/*; do
    [ ! -d "$release" ] || [ "releases/${release##*/}" = "$(readlink "$current")" ] || drop "$release"
  done
}

put_units() { # put_units UNIT...: from packaging/systemd
  local unit
  for unit in "$@"; do
    if put "$packaging/systemd/$unit" "$units/$unit" 644 root:root; then
      restart+=("${unit%.service}")
    fi
  done
}

reload_units() {
  [ "$dry_run" = yes ] || ! has_systemd || systemctl daemon-reload
}

# The program reads the configuration as it will in the services: as ctlr.
check_config() { # check_config FILE
  local said
  [ "$dry_run" = no ] || return 0
  said=$(runuser -u ctlr -- "$current/bin/ctlr" --config "$1" check-config 2>&1) ||
    fail "$said
$1 cannot be used, so no service was started; correct it and run this again."
}

put_chrony() { # put_chrony TEMPLATE KEY=VALUE...
  if put_filled "$packaging/chrony/$1" /etc/chrony/conf.d/ctlr.conf 644 root:root "${@:2}"; then
    restart+=(chrony)
  fi
}
