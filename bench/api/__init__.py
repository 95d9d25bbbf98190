"""Commands as functions, for notebooks and scripts: the same path, with values for options and exceptions for exits."""
