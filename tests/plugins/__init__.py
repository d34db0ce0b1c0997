"""Packages that bring a part of their own, as other people would write them."""
