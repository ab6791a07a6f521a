"""Pipeline definitions: the catalogue of tasks, how a definition is built, compiled, checked and filled in."""
