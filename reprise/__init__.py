"""Run MLflow MLproject projects so that every run can be performed again, exactly."""

__version__ = "0.1.0"
