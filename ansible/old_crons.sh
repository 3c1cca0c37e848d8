#!/bin/sh
# Read only: every line of this host that starts something by the clock. Says per line: place, tab, line. Written for dash.
# What cannot be read is said too, with "!" before the place.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C SYSTEMD_COLORS=0

# lines FILE: what is neither a comment nor a setting
lines() {
  if [ ! -r "$1" ]; then
    printf '!%s\tcannot be read\n' "$1"
    return 0
  fi
  sed -n -e 's/\t/ /g' -e '/^[[:space:]]*\(#\|$\)/d' -e '/^[[:space:]]*[A-Za-z_]\{1,\}[[:space:]]*=/d' -e p "$1" | while IFS= read -r line; do
    printf '%s\t%s\n' "$1" "$line"
  done
}

# each FOLDER: the crontabs in it
each() {
  [ -d "$1" ] || return 0
  if [ ! -r "$1" ] || [ ! -x "$1" ]; then
    printf '!%s\tcannot be read\n' "$1"
    return 0
  fi
  for file in "$1"/*; do
    if [ -f "$file" ]; then lines "$file"; fi
  done
}

if [ -f /etc/crontab ]; then lines /etc/crontab; fi
each /etc/cron.d
each /var/spool/cron/crontabs
for folder in /etc/cron.hourly /etc/cron.daily /etc/cron.weekly /etc/cron.monthly; do
  for file in "$folder"/*; do
    # run-parts starts only what is executable and has no dot in its name.
    case ${file##*/} in *.*) continue ;; esac
    if [ -f "$file" ] && [ -x "$file" ]; then printf '%s\t%s\n' "$folder" "$file"; fi
  done
done
if [ -f /etc/pve/jobs.cfg ]; then lines /etc/pve/jobs.cfg; fi
if [ -d /run/systemd/system ]; then
  if ! timers=$(systemctl list-units --type=timer --state=active --no-legend --no-pager --plain 2>/dev/null); then
    printf '!systemd\tits timers cannot be listed\n'
    timers=
  fi
  printf '%s\n' "$timers" | while read -r timer _; do
    [ -n "$timer" ] || continue
    unit=$(systemctl show --property=Unit --value "$timer")
    starts=$(systemctl show --property=ExecStart --value "$unit" | sed -n 's/.*argv\[\]=\([^;]*\);.*/\1/p' | tr '\n' ' ')
    printf '%s\t%s %s\n' "$timer" "$unit" "$starts"
  done
fi
exit 0
