"""Benchmarks: each compares, in one run and on the same rows, with a floor and with the usual way. See README.md."""
