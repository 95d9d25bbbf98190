"""Whether one set of results is better, worse or equivalent to another, with what each comparison could have seen."""
