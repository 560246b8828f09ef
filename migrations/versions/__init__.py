"""One module per version of the CRM base."""
