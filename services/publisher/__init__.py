"""The publisher: the public site as files."""
