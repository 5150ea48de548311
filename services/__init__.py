"""The services, independent of each other, and the program that runs them."""
