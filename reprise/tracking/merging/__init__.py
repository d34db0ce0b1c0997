"""What changed at both ends of a copy since the last one, field by field."""
