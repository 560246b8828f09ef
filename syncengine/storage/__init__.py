"""The CRM base: opened, upgraded, and written many rows at once."""
