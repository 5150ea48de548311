"""Use cases of the publisher: one verb each."""
