"""What tables and charts ask of the store, as SQL."""
