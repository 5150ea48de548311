"""The frame of every page that the public sees: words, dates, templates and looks, shared by all services."""
