"""One file is one outside service."""
