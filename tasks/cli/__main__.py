"""``python -m tasks.cli`` is the ``aiops`` command."""

from tasks.cli import main

if __name__ == "__main__":
    main()
