#!/bin/sh
# Runs as root on a host: our accounts, each with one key and one sudo list. Says a line per thing: what, tab, how it stands.
# The calls stand below, written by `aiops enroll`; words and base64 alone, so nothing needs to be quoted.
set -eu
umask 022
PATH=/usr/sbin:/usr/bin:/sbin:/bin
change=no

say() { printf '%s\t%s\n' "$1" "$2"; }

# put FILE MODE OWNER NAME <new content: into place when it differs
put() {
  new=$(mktemp "$1.XXXXXX")
  cat >"$new"
  chmod "$2" "$new"
  chown "$3" "$new"
  stands=missing
  if [ -e "$1" ]; then stands=changed; fi
  if [ "$stands" = changed ] && cmp -s "$new" "$1"; then
    rm -f "$new"
    say "$4" present
  elif [ "$change" = no ]; then
    rm -f "$new"
    say "$4" missing
  else
    mv -f "$new" "$1"
    if [ "$stands" = missing ]; then say "$4" made; else say "$4" changed; fi
  fi
}

# account NAME BASE64-OF-SUDOERS (KEY-TYPE KEY)...
account() {
  name=$1
  sudoers=$2
  shift 2
  if id -u "$name" >/dev/null 2>&1; then
    say "account $name" present
  elif [ "$change" = no ]; then
    say "account $name" missing
    say "key of $name" missing
    say "sudo list of $name" missing
    return 0
  else
    # A password that nothing matches; "!" would be a locked account, which sshd refuses without PAM.
    useradd --create-home --shell /bin/sh --comment "aiops" --password '*' "$name"
    say "account $name" made
  fi
  home=$(getent passwd "$name" | cut -d: -f6)
  if [ "$change" = yes ]; then install -d -m 0700 -o "$name" -g "$name" "$home/.ssh"; fi
  if [ -d "$home/.ssh" ]; then
    printf 'restrict %s %s aiops\n' "$@" | put "$home/.ssh/authorized_keys" 0600 "$name:$name" "key of $name"
  else
    say "key of $name" missing
  fi
  if ! command -v visudo >/dev/null; then
    say "sudo list of $name" missing
    return 0
  fi
  list=$(mktemp)
  printf '%s' "$sudoers" | base64 -d >"$list"
  if ! visudo --check --quiet --file="$list"; then
    rm -f "$list"
    echo "visudo refuses the list of $name" >&2
    exit 65
  fi
  # sudo reads no file whose name holds a dot: a half-written one is never in force.
  put "/etc/sudoers.d/$name" 0440 root:root "sudo list of $name" <"$list"
  rm -f "$list"
}

program() { if command -v "$1" >/dev/null; then say "program $1" present; else say "program $1" missing; fi; }

