"""The throttled processor of one lane: verifies, removes duplicates, stores."""
