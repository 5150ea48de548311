"""What is indexed, what a question asks for, in which order hits stand, and what is shown of them."""
