"""The engine as a service: what is due is handed to workers, on one machine or on many."""
