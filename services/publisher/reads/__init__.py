"""What is read for rendering and for settling lists."""
