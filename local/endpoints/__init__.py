"""Endpoints on one machine: models served by child processes, and the traffic to them."""
