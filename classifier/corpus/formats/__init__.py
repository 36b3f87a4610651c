"""Readers of formats beyond lines and tables: each makes rows of whatever its files hold."""
