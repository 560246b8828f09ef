"""What an administrator does about a synchronisation: errors, conflicts, history, plans, undo."""
