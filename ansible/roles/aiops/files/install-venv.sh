#!/bin/sh
# A virtual environment with one extra and nothing else, from a wheelhouse that was copied here; each hash is checked again.
#   install-venv.sh VENV WHEELS LOCK
set -eu
rm -rf "$1"
python3 -m venv --without-pip "$1"
for pip in "$2"/pip-*.whl; do
  "$1/bin/python" "$pip/pip" install --quiet --disable-pip-version-check --no-cache-dir --no-deps --no-index \
    --find-links "$2" --require-hashes -r "$3"
done
rm -rf "$2"
touch "$1/.done"
