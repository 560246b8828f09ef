"""The pure core: values in, values out; no base, no clock, no network."""
