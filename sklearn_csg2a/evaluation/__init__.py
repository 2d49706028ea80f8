"""What judges any regressor: folds, tasks, stored results, statistics, reports."""
