"""Rules of the publisher: values in, values out. No database, no clock, no files."""
