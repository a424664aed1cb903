"""One policy for the tests that scrub on different engines and from different inputs."""

KEY = "a key of more than sixteen bytes"
POLICY = """
key: {env: TEST_PSEUDONYM_KEY}
profile: fast
max_malformed_share: 0.5
columns:
  rider: pseudonymize
  note: detect
  fare: {action: keep, type: float}
"""
