"""What a worker needs sooner or later, imported before it is forked.

Nothing is computed here: a thread that a library begins for that would be missing in the worker.
"""

import importlib

from bench.execution.engines import worker as worker

# PyTorch imports it when it first makes an optimizer, in a second.
importlib.import_module("torch._dynamo")
