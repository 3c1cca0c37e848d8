"""What the Proxmox API says, asked once for all nodes and guests."""

from aiops.probes import Ask

NODES = Ask(name="proxmox-nodes", source="proxmox", question="nodes")
STORAGES = Ask(name="proxmox-storages", source="proxmox", question="storages")
GUESTS = Ask(name="proxmox-guests", source="proxmox", question="guests")
TASKS = Ask(name="proxmox-tasks", source="proxmox", question="tasks")
UNCOVERED = Ask(name="proxmox-cover", source="proxmox", question="cover")
