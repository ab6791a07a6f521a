"""The same linear model behind other servers; each module runs in an environment of its own."""
