"""Hostile input for every parser of text from outside.

The quick half tries a few inputs of each; ``python -m tests.fuzz --minutes N`` tries on, and keeps what fails
in ``tests/fuzz/corpus``, where the quick half tries it again.
"""
