"""What ends a command with exit code 2."""


class UsageError(Exception):
    """Wrong usage or unreadable input; the text is the one line that the user reads."""
