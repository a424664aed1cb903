"""Finding and removing personal data in rows: plain functions, and one Beam transform around them."""

SCRUBBER_VERSION = "4"
"""Goes into ExampleGen's cache key, which holds no source code: raise it when the output changes."""
