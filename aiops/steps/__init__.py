"""The verbs: detect, correlate, triage, authorise, remediate, settle, verify, close. One file each."""
