"""Kinds of files: what each is about, read without executing anything of it."""
