"""The gradient of any loss: its moments, once or along a training, by the machinery that measures estimators."""
