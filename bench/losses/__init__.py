"""The gradient of anybody's loss: its moments, once or along a training, by the machinery that measures estimators."""
