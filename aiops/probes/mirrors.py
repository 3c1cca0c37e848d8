"""What git servers show of repositories and of their copies."""

from aiops.probes import Ask

REFS = Ask(name="mirror-refs", source="mirrors", question="refs")
