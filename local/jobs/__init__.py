"""Processing, training and transform jobs as child processes, each with a root of its own for /opt/ml."""
