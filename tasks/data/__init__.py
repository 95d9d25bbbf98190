"""Real data: which files there are, where they come from, how they are read."""


class DataUnavailable(RuntimeError):
    """A dataset is missing, damaged or out of reach; the message is one sentence that says what to do."""
