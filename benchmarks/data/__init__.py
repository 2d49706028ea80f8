"""The data sets that models are compared on."""
