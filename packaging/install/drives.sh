# shellcheck shell=bash
# The portable drive: finding its two partitions, making them on request, and how they are mounted.

# find_partition TAG_OR_DEVICE TYPE OPTION: prints the UUID of a partition that is plugged in.
# Prints nothing when it is away; fails when there are several, or when it holds something else.
find_partition() {
  local tag=$1 type=$2 option=$3 found
  case $tag in
    /dev/*) [ -b "$tag" ] || fail "$tag is no disk partition that is plugged in (lsblk shows them). Nothing was changed."; found=$tag ;;
    UUID=* | LABEL=* | PARTUUID=*)
      found=$(blkid -c /dev/null -o device -t "$tag" || true) ;;
    *) wrong "$option takes /dev/..., UUID=..., LABEL=... or PARTUUID=..., not $tag" ;;
  esac
  [ -n "$found" ] || return 0
  [ "$(wc -l <<<"$found")" -eq 1 ] ||
    fail "$tag names several partitions: ${found//$'\n'/, }. Unplug the others, or say which one with $option."
  [ "$(blkid -p -o value -s TYPE "$found")" = "$type" ] ||
    fail "$found is to be $type and holds $(blkid -p -o value -s TYPE "$found" | grep . || echo no file system). Give another with $option, or make a new drive with --format-disk."
  blkid -p -o value -s UUID "$found"
}

configured_tag() { # configured_tag VOLUME
  setting "$etc/ctlr.toml" "storage.${1}_device"
}

# tag_of VOLUME TYPE LABEL OPTION DEVICE: how the volume's file system is known; "" if none is yet.
# By its UUID, so that no other drive is taken for it; by a label where that was asked for, so that
# several drives can take turns.
tag_of() {
  local volume=$1 type=$2 label=$3 option=$4 device=$5 tag uuid
  tag=$(configured_tag "$volume")
  if [ -n "$device" ] || [ -z "$tag" ]; then
    uuid=$(find_partition "${device:-LABEL=$label}" "$type" "$option") || exit
    [ -n "$uuid" ] || [ -z "$device" ] || fail "$device is not plugged in; plug it in and run this again. Nothing was changed."
    case $device in
      LABEL=* | PARTUUID=*) tag=$device ;;
      *) [ -n "$format_disk" ] && [ "$tag" = "LABEL=$label" ] || tag=${uuid:+UUID=$uuid} ;;
    esac
  fi
  [[ $tag =~ ^((UUID|LABEL|PARTUUID)=[A-Za-z0-9._:-]+)?$ ]] ||
    fail "$tag cannot stand in a mount unit. Give the partition a label of letters, digits and . _ - only."
  echo "$tag"
}

# A line of fstab wins over a mount unit: with its options, and mounted before anybody has checked it.
refuse_fstab() {
  local line
  line=$(awk '$1 !~ /^#/ && ($2 == "/mnt/logging" || $2 == "/mnt/sync")' /etc/fstab 2>/dev/null | head -1)
  [ -z "$line" ] ||
    fail "/etc/fstab mounts the drive, which mount-watcher does from now on. Remove this line and run this again: $line"
}

# Which file systems the volumes are, and the settings that say so.
plan_drives() {
  logging_tag=$(tag_of logging ext4 logging --logging-device "$logging_device") || exit
  sync_tag=$(tag_of sync exfat sync --sync-device "$sync_device") || exit
  plan_settings "$etc/ctlr.toml" "storage.logging_device=$logging_tag" \
    "storage.sync_device=$sync_tag" "can.status_file=$(status_file)"
}

# What a new disk's file systems will be called is not known yet; that it can be written down is.
check_format() {
  local disk answer
  disk=$(readlink -f "$format_disk")
  [ "$(lsblk --nodeps --noheadings --output TYPE "$disk" 2>/dev/null)" = disk ] ||
    fail "$format_disk is no whole disk. Nothing was changed."
  [ -z "$(lsblk --noheadings --output MOUNTPOINTS "$disk" | tr -d '[:space:]')" ] ||
    fail "$disk is in use; unmount it first (ctlr eject). Nothing was changed."
  plan_settings "$etc/ctlr.toml" storage.logging_device=UUID=0 storage.sync_device=UUID=0 \
    "can.status_file=$(status_file)"
  planned='' logging_tag=$(configured_tag logging) sync_tag=$(configured_tag sync)
  if [ "$dry_run" = no ] && [ "$assume_yes" = no ]; then
    lsblk --output NAME,SIZE,MODEL,LABEL,FSTYPE "$disk"
    read -r -p "Everything on $disk will be lost. Type its name to go on: " answer || answer=''
    [ "$answer" = "$disk" ] || fail "$disk was left as it is. Nothing was changed."
  fi
}

put_drives() {
  if [ -n "$format_disk" ]; then
    change "erase $(readlink -f "$format_disk") and make the partitions logging and sync" \
      format_now "$(readlink -f "$format_disk")"
    [ "$dry_run" = yes ] || plan_drives
  fi
  put_mount_point /mnt/logging
  put_mount_point /mnt/sync
  put_mount logging "$logging_tag" ext4 errors=remount-ro
  put_mount sync "$sync_tag" exfat "uid=$(id -u ctlr 2>/dev/null),gid=$(id -g ctlr 2>/dev/null),umask=0002"
  [ -n "$logging_tag$sync_tag$format_disk" ] ||
    note "no drive with partitions labelled logging (ext4) and sync (exFAT) is plugged in. Plug it in and run this again, name them with --logging-device and --sync-device, or make a new drive with --format-disk."
}

# Below an empty mount point nobody writes, root neither: it would fill the SD card unseen.
put_mount_point() {
  ! mountpoint --quiet "$1" || return 0
  put_folder "$1" 555 root:root
  [ "$(lsattr -d "$1" 2>/dev/null | cut -c 5)" = i ] ||
    change "make the empty $1 unwritable" make_unwritable "$1"
}

make_unwritable() {
  [ -z "$(ls -A "$1")" ] || fail "$1 holds files although nothing is mounted there; move them away first."
  chattr +i "$1" || note "$1 cannot be made unwritable on this file system; its mode must do."
}

# A drive may have been anywhere, and no link on it is to lead out of it. Where this machine's mount
# and kernel know how to say so (Linux 5.10), they do; the program looks for itself as well. exFAT has
# no links.
no_links() {
  ! unshare --mount mount -t tmpfs -o nosymfollow tmpfs /tmp 2>/dev/null || echo nosymfollow,
}

# Nothing pulls these in at boot: mount-watcher mounts a drive when it is there, and checks it
# before. So a drive that is away delays nothing.
put_mount() { # put_mount VOLUME TAG TYPE OPTIONS
  local unit=$units/mnt-$1.mount kind=${2%%=*}
  [ -n "$2" ] || return 0
  put_text "$unit" 644 root:root <<UNIT || true
[Unit]
Description=ctlr drive: $1

[Mount]
What=/dev/disk/by-${kind,,}/${2#*=}
Where=/mnt/$1
Type=$3
Options=nofail,noatime,nosuid,nodev,noexec,$([ "$3" != ext4 ] || no_links)$4
TimeoutSec=30
UNIT
}

# Two thirds for raw data: it is not deleted when a session is ready.
format_now() {
  local disk=$1 megabytes parts
  megabytes=$(($(blockdev --getsize64 "$disk") / 1048576))
  wipefs --quiet --all "$disk" || return
  printf 'label: gpt\n1MiB,%dMiB,L\n,,EBD0A0A2-B9E5-4433-87C0-68B6B72699C7\n' \
    $((megabytes * 64 / 100)) | sfdisk --quiet "$disk" || return
  udevadm settle || true
  mapfile -t parts < <(lsblk --list --noheadings --paths --output NAME,TYPE "$disk" | awk '$2 == "part" {print $1}')
  [ ${#parts[@]} -eq 2 ] || return
  wipefs --quiet --all "${parts[@]}" || return
  mkfs.ext4 -q -m 0 -L logging "${parts[0]}" || return
  mkfs.exfat -L sync "${parts[1]}" >/dev/null || return
  # The serial that it takes from the clock can be another drive's, and is this one's UUID.
  tune.exfat -I "0x$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')" "${parts[1]}" >/dev/null || return
  udevadm settle || true
  logging_device=${logging_device:-${parts[0]}} sync_device=${sync_device:-${parts[1]}}
}
