"""Migrations of the CRM base; ``syncengine.schema`` runs them."""
