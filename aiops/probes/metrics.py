"""What the metrics store (Prometheus, VictoriaMetrics) answers to the queries of the settings."""

from aiops.probes import Ask

BEYOND = Ask(name="metrics-queries", source="metrics", question="queries")
