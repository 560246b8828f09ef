"""The fleet benchmark: many integrations through the service, on one machine, as docs/scale.md quotes it."""
