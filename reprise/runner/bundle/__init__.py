"""A run as one file that can be reproduced on any machine."""
