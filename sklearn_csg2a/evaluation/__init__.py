"""Evaluation of regressors: folds, tasks, stored results, statistics, reports."""
