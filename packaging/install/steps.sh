# shellcheck shell=bash
# The steps of the installer. Each looks first and acts only where something is missing or
# different, says what it does, and in a dry run only says it. What `change` runs is one command
# or a chain of them: `set -e` does not hold in it.

changes=0
notes=()
next=()
restart=()

wrong() { # wrong usage
  echo "install.sh: $1. See ./install.sh --help" >&2
  exit 2
}

fail() { # cannot go on
  echo "install.sh: $1" >&2
  exit 1
}

# change WHAT COMMAND...: say WHAT, and do it unless this is a dry run.
change() {
  changes=$((changes + 1))
  if [ "$dry_run" = yes ]; then
    echo "would $1"
  else
    echo "$1"
    "${@:2}" || fail "that did not work: $1"
  fi
}

note() { notes+=("$1"); }
next() { next+=("$1"); } # what a person does after this

# put FILE TARGET MODE OWNER: TARGET has the content of FILE. Returns 0 if it had to change.
put() {
  local file=$1 target=$2 mode=$3 owner=$4
  if cmp --silent "$file" "$target" && [ "$(stat -c '%a %U:%G' "$target")" = "$mode $owner" ]; then
    return 1
  fi
  change "write $target" put_now "$file" "$target" "$mode" "$owner"
}

put_now() {
  local file=$1 target=$2 mode=$3 owner=$4
  mkdir -p "$(dirname "$target")" &&
    install --mode="$mode" --owner="${owner%:*}" --group="${owner#*:}" "$file" "$target.new" &&
    mv -f "$target.new" "$target"
}

# put_text TARGET MODE OWNER: as put, with the content from standard input.
put_text() {
  local text status=0
  text=$(mktemp)
  cat >"$text"
  put "$text" "$1" "$2" "$3" || status=$?
  rm -f "$text"
  return "$status"
}

# put_filled TEMPLATE TARGET MODE OWNER KEY=VALUE...: as put, with each @KEY@ replaced.
put_filled() {
  local content pair
  content=$(cat "$1")
  for pair in "${@:5}"; do
    content=${content//@${pair%%=*}@/${pair#*=}}
  done
  printf '%s\n' "$content" | put_text "$2" "$3" "$4"
}

put_folder() { # put_folder FOLDER MODE OWNER
  if [ ! -d "$1" ] || [ "$(stat -c '%a %U:%G' "$1")" != "$2 $3" ]; then
    change "make the folder $1" \
      install --directory --mode="$2" --owner="${3%:*}" --group="${3#*:}" "$1"
  fi
}

put_link() { # put_link TARGET LINK
  [ "$(readlink "$2")" = "$1" ] || change "link $2 to $1" put_link_now "$1" "$2"
}

put_link_now() {
  mkdir -p "$(dirname "$2")" &&
    ln --symbolic --force --no-dereference "$1" "$2.new" &&
    mv --force --no-target-directory "$2.new" "$2"
}

drop() { # drop FILE...: those that are there
  local file
  for file in "$@"; do
    if [ -e "$file" ] || [ -L "$file" ]; then
      change "remove $file" rm -rf -- "$file"
    fi
  done
}

put_packages() { # put_packages LIST: the Debian packages of a list
  local package missing=()
  while read -r package; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      missing+=("$package")
  done < <(sed 's/#.*//; s/[[:space:]]*$//; /^$/d' "$1")
  [ ${#missing[@]} -eq 0 ] ||
    change "install the Debian packages ${missing[*]}" apt_install "${missing[@]}"
}

apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update &&
    apt-get -qq install --yes --no-install-recommends "$@" >/dev/null
}

put_user() { # put_user NAME HOME SHELL GROUP
  getent passwd "$1" >/dev/null ||
    change "make the user $1" useradd --system --gid "$4" --home-dir "$2" --shell "$3" "$1"
}

put_group() {
  getent group "$1" >/dev/null || change "make the group $1" groupadd --system "$1"
}

has_systemd() { [ -d /run/systemd/system ]; }

put_enabled() {
  systemctl is-enabled --quiet "$1" 2>/dev/null ||
    change "enable $1" systemctl --quiet enable "$1"
}

put_running() { # put_running UNIT...: enabled and running, restarted if what it runs has changed
  local unit
  for unit in "$@"; do
    put_enabled "$unit"
    has_systemd || continue
    if ! systemctl is-active --quiet "$unit"; then
      change "start $unit" start_now start "$unit"
    elif [[ " ${restart[*]} " == *" $unit "* ]]; then
      change "restart $unit" start_now restart "$unit"
    fi
  done
}

start_now() {
  systemctl reset-failed "$2" 2>/dev/null || true
  systemctl "$1" "$2" && return
  journalctl --unit "$2" --lines 15 --no-pager >&2
  return 1
}

finish() {
  local line
  if [ "$changes" -eq 0 ]; then
    echo "Nothing to change."
  elif [ "$dry_run" = yes ]; then
    echo "$changes changes would be made; none was."
  else
    sync # whoever installs pulls the plug soon after
  fi
  for line in ${notes[@]+"${notes[@]}"}; do
    echo "Note: $line"
  done
  if [ "$changes" -gt 0 ] && [ "$dry_run" = no ] && [ ${#next[@]} -gt 0 ]; then
    echo "Next:"
    printf '  %s\n' "${next[@]}"
  fi
}
