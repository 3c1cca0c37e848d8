"""What the log store (Loki) has received from each host."""

from aiops.probes import Ask

STREAMS = Ask(name="log-streams", source="loki", question="streams")
ERRORS = Ask(name="log-errors", source="loki", question="errors")
OWN = Ask(name="log-arrival", source="loki", question="own")
RETENTION = Ask(name="log-retention", source="loki", question="retention")
