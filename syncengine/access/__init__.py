"""Who may come in and who did what: passwords, sessions, API keys, sign-in, the audit log."""
