"""Files of the site: what was read in, paths with their bytes out. No database, no clock."""
