"""The REST facade of a run that is performed again: it reads the store, and changes only that run.

Runs, models and traces that the run makes are its own. The model registry is a private copy, as it was when
the original run started. Every other change is answered as if it were done, and noted.
"""
