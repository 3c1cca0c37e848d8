"""What the API of Proxmox Backup Server says about its datastores."""

from aiops.probes import Ask

DATASTORES = Ask(name="pbs-datastores", source="pbs", question="datastores")
SNAPSHOTS = Ask(name="pbs-snapshots", source="pbs", question="snapshots")
TASKS = Ask(name="pbs-tasks", source="pbs", question="tasks")
