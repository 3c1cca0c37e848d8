"""Real Debian hosts on one Linux machine, to be broken and healed at will: systemd-nspawn over an overlay, no Docker.

Standard library only, and nothing here imports the product: what the lab says about a host must not depend on the
system under test.
"""
