"""What people and programs touch over HTTP: the REST API and the console. No logic of its own: the engine's functions."""
