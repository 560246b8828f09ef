"""Migrations of the CRM base; ``syncengine.storage.schema`` runs them."""
