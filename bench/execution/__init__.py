"""From a request to records: cells are planned, run, resumed and recorded. `invocation.execute` is the door."""
