"""What we know: nouns, probes, detectors, steps and ports. No Celery below this line."""
