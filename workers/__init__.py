"""One file is one process: which queue it drains, which tasks exist in it. Start one with ``python -m workers.<name>``.

Nothing is imported here: the bridge and its kin would carry Celery, which they never use.
"""
