"""date: the host's own clock, because times it prints are only comparable with it."""

from aiops.probes import Probe

CLOCK = Probe(name="clock", argv=("date", "+%s"), read=int)
