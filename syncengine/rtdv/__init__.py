"""Live queries: what Sage 100 says at the moment somebody looks, never stored (CRM-54, CRM-55, CRM-59)."""
