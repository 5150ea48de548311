"""Pages of the public site: values in, HTML out. Nothing here reads a database, a clock or the network."""
