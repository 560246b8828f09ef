"""What people do in the CRM: read, edit, create, link; every change goes through here and is marked for the next cycle."""
