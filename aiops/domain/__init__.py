"""The nouns, pure: no import of anything but pydantic and the standard library."""
