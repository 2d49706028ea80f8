"""Random forest and gradient boosting, grown on unique cell lines and compounds."""
