"""The shipped models: how they are trained, measured and written."""
