"""The charts, each a function from plain numbers to a figure with its table."""
