"""MLflow models: their files, what they predict, and the environment in which they do."""
