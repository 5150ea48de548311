"""The demo county 青禾县: a fictional county whose bodies push about 120 items."""
