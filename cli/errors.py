"""What ends a command with one line and exit code 2, or 1."""


class UsageError(Exception):
    """Wrong usage or unreadable input; the text is the one line that the user reads. Exit code 2."""


class JobFailedError(Exception):
    """A job failed for another reason than its input, such as a full disk. Exit code 1."""
