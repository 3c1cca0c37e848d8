"""What the makers of the applications of the settings have released."""

from aiops.probes import Ask

NEWEST = Ask(name="release-feeds", source="releases", question="newest")
