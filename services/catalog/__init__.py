"""The catalog: the record of everything published."""
