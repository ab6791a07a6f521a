"""Pipeline definitions: the catalogue of tasks, how definitions are built, checked and filled in."""
