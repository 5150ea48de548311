"""The demonstration: the county of the samples, and a page on which one tries what the platform does."""
