"""Migrations: how the database got its shape, expand first and contract later."""
