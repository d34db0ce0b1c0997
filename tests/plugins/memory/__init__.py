"""A store that keeps experiments and runs in memory, and leaves models, traces and the like out."""
