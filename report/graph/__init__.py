"""A pipeline definition as a picture: its steps, where they stand, and how they are drawn."""
