"""One self-contained HTML page per execution."""
