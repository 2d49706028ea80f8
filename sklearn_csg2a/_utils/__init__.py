"""What every part may use: files, numbers, messages, seeds. No torch, no compounds."""
