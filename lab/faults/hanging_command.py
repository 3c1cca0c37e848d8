"""A program a probe needs never ends, as df does over a dead NFS server."""

from lab.faults._df import replaced

FAULT = replaced("hanging-command", "df never ends", "#!/bin/sh\nexec sleep infinity\n")
