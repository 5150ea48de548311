"""HTTP routes of the catalog, one file per resource."""
