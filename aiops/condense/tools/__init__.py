"""One file per tool: which lines of its output carry news."""
