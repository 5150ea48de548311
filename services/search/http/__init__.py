"""The edges of search: the API, the page, what only the instance may ask."""
