"""Word files of official documents (GB/T 9704): what the layout says, a clean page, a clean original."""
