"""Tests of reprise/runner/sandbox."""
