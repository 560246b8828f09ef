"""One cycle of Liaison et Synchronisation, step by step; ``cycle`` reads top to bottom."""
