#!/usr/bin/env bash
# Give a machine or a person access to the rig's broker, or take it away.
#
#   mqtt-user.sh node NAME         may write its own records and status, reads nothing
#   mqtt-user.sh controller NAME   also writes what the phone says and status/recording, reads all
#   mqtt-user.sh reader NAME       reads records and status, writes nothing
#   mqtt-user.sh remove NAME
#
# NAME is the node's name. A new password is printed as the two lines that belong in the node's
# /etc/ctlr/mqtt.env (or is written there, readable by nobody else, with --into FILE). Who has one
# already keeps it, unless --renew says otherwise or FILE is not there. The broker takes the change without a restart.
#
#   --into FILE     write the two lines there instead of printing them
#   --renew         a new password for somebody who has one
#   --folder DIR    where ctlr.passwd and ctlr.acl are [/etc/mosquitto]
#   --no-reload     leave the running broker alone
set -euo pipefail
umask 077

folder=/etc/mosquitto into='' renew=no reload=yes words=()
fail() { echo "mqtt-user: $1" >&2; exit 2; }
while [ $# -gt 0 ]; do
  case $1 in
    --into) into=${2:?--into needs a file}; shift ;;
    --folder) folder=${2:?--folder needs a folder}; shift ;;
    --renew) renew=yes ;;
    --no-reload) reload=no ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    -*) fail "unknown option $1" ;;
    *) words+=("$1") ;;
  esac
  shift
done
[ ${#words[@]} -eq 2 ] || fail 'say what and who: mqtt-user.sh node|controller|reader|remove NAME'
role=${words[0]} name=${words[1]}
[[ $name =~ ^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$ ]] ||
  fail "$name is no node name: lower-case letters, digits and inner hyphens, at most 63"
passwords=$folder/ctlr.passwd rights=$folder/ctlr.acl
[ -f "$rights" ] || fail "$rights is not there; copy it from packaging/mosquitto first"

rights_of() {
  case $role in
    controller)
      printf 'topic write logging/#\ntopic write status/recording\ntopic write status/node/%s/+\n' "$name"
      printf 'topic read logging/#\ntopic read status/#\ntopic read %s/broker/log/N\n' "\$SYS" ;;
    reader) # everybody may write below the own name; a reader may not even that
      printf 'topic deny logging/%s/#\ntopic deny status/node/%s/#\n' "$name" "$name"
      # The broker's log names the clients' ids, by which their sessions could be taken.
      printf 'topic deny %s/broker/log/#\n' "\$SYS"
      printf 'topic read logging/#\ntopic read status/#\ntopic read %s/#\n' "\$SYS" ;;
    node | remove) ;;
    *) fail "$role is none of node, controller, reader, remove" ;;
  esac
}

# Both files change by rename and keep owner and mode, so the broker never reads half of one.
replace() {
  [ ! -e "$1" ] || { chown --reference="$1" "$2"; chmod --reference="$1" "$2"; }
  mv -f "$2" "$1"
}

# What an earlier version gave to everybody and to readers was more than they need.
update() {
  awk '
    $0 == "pattern write logging/%u/#" { print "pattern write logging/%u"; next }
    $0 == "pattern write status/node/%u/#" {
      print "pattern write status/node/%u"
      print "pattern write status/node/%u/camera"
      next
    }
    $1 == "user" { bounded = 0 }
    $0 == "topic deny $SYS/broker/log/#" { bounded = 1 }
    $0 == "topic read $SYS/#" && !bounded { print "topic deny $SYS/broker/log/#" }
    { print }
  ' "$rights"
}

work=$(mktemp -d "$folder/.mqtt-user.XXXXXX")
trap 'rm -rf "$work"' EXIT

update >"$work/acl"
cmp -s "$work/acl" "$rights" || replace "$rights" "$work/acl"

lines_of() { awk -v name="$name" -v is="$1" '$1 == "user" { own = ($2 == name) } own == is' "$rights"; }
block=$(rights_of)
[ -z "$block" ] || block=$(printf 'user %s\n%s' "$name" "$block")
if [ "$block" != "$(lines_of 1)" ]; then
  { lines_of 0; [ -z "$block" ] || printf '%s\n' "$block"; } >"$work/acl"
  replace "$rights" "$work/acl"
fi

if [ ! -e "$passwords" ]; then
  touch "$passwords"
  chmod 640 "$passwords"
  [ "$(id -u)" -ne 0 ] || ! getent group mosquitto >/dev/null || chgrp mosquitto "$passwords"
fi
has_password() { grep -q "^$name:" "$passwords"; }

if [ "$role" = remove ]; then
  awk -F: -v name="$name" '$1 != name' "$passwords" >"$work/passwd"
  replace "$passwords" "$work/passwd"
elif [ "$renew" = yes ] || ! has_password || { [ -n "$into" ] && [ ! -e "$into" ]; }; then
  password=$(od -An -N 24 -t x1 /dev/urandom | tr -d ' \n')
  printf '%s:%s\n' "$name" "$password" >"$work/new" # not as an argument: ps shows those
  mosquitto_passwd -U "$work/new"
  { awk -F: -v name="$name" '$1 != name' "$passwords"; cat "$work/new"; } >"$work/passwd"
  replace "$passwords" "$work/passwd"
  printf 'CTLR_MQTT__USERNAME=%s\nCTLR_MQTT__PASSWORD=%s\n' "$name" "$password" >"$work/env"
  if [ -n "$into" ]; then
    mkdir -p "$(dirname "$into")"
    replace "$into" "$work/env"
  else
    cat "$work/env"
  fi
else
  echo "mqtt-user: $name has a password already and keeps it. A new one: sudo ctlr-mqtt-user $role $name --renew" >&2
fi

[ "$reload" = no ] || ! systemctl --quiet is-active mosquitto 2>/dev/null ||
  systemctl reload mosquitto
