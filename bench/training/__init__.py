"""One training, and that of many seeds in one step."""
