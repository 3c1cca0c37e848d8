"""A program a probe needs is gone: it cannot look, which is not the same as nothing to see."""

from lab.faults._df import replaced

FAULT = replaced("missing-binary", "df is gone", None)
