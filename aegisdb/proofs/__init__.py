"""The roundtrip proof: every revision up, down and up again on databases that are thrown away."""
