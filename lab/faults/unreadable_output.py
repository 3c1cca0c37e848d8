"""A program a probe needs prints what nobody can read, and says all went well."""

from lab.faults._df import replaced

FAULT = replaced("unreadable-output", "df prints noise and exits 0", "#!/bin/sh\nhead -c 300 /dev/urandom\nexit 0\n")
