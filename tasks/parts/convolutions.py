"""Convolutional networks from images to features and back, for images given as rows of pixels."""

import math
from typing import Final, final

from torch import Tensor, nn

from tasks.parts.image_vae import Output
from tasks.parts.networks import dense, hidden_layers

_CHANNELS: Final = 32
_DEEPEST: Final = 2


@final
class ConvolutionalFeatures(nn.Module):
    """Pixels [..., channels × height × width] to features [..., hidden]: `depth` convolutions, a dense layer; ELU.

    Convolutions are 3×3 of stride 2, the first to 32 channels, the second to 64.
    """

    def __init__(self, pixels: int, width: int, hidden: int, depth: int, channels: int = 1) -> None:
        super().__init__()
        height, width = _image(pixels // channels, width, depth)
        self.image = (channels, height, width)
        layers: list[nn.Module] = []
        for level in range(depth):
            inputs = _channels(level) if level else channels
            layers += [nn.Conv2d(inputs, _channels(level + 1), 3, stride=2, padding=1), nn.ELU()]
        self.convolutions = nn.Sequential(*layers)
        _initialise(self.convolutions)
        self.dense = hidden_layers([_channels(depth) * height * width // 4**depth, hidden], nn.ELU)

    def forward(self, x: Tensor) -> Tensor:
        # A convolution takes one batch axis, and here may be samples before the batch.
        maps = self.convolutions(x.reshape(-1, *self.image))
        return self.dense(maps.flatten(1)).reshape(*x.shape[:-1], -1)


@final
class ConvolutionalOutput(Output):
    """Features [..., hidden] to logits of pixels: a dense layer, `depth` transposed convolutions 4×4."""

    def __init__(self, pixels: int, width: int, hidden: int, depth: int, channels: int = 1) -> None:
        super().__init__()
        height, width = _image(pixels // channels, width, depth)
        self.maps = (_channels(depth), height // 2**depth, width // 2**depth)
        self.dense = hidden_layers([hidden, math.prod(self.maps)], nn.ELU)
        layers: list[nn.Module] = []
        for level in range(depth, 0, -1):
            # The last one's bias is one for each pixel.
            inner = level > 1
            outputs = _channels(level - 1) if inner else channels
            layers.append(nn.ConvTranspose2d(_channels(level), outputs, 4, 2, 1, bias=inner))
            layers += [nn.ELU()] if inner else []
        self.convolutions = nn.Sequential(*layers)
        _initialise(self.convolutions)
        self.bias = nn.Parameter(dense(1, pixels).bias.detach())

    def forward(self, features: Tensor) -> Tensor:
        logits = self.convolutions(self.dense(features).reshape(-1, *self.maps))
        return logits.reshape(*features.shape[:-1], -1) + self.bias


def _image(pixels: int, width: int, depth: int) -> tuple[int, int]:
    """Return height and width; raise ValueError where they cannot be halved `depth` times."""
    height = pixels // width
    if not 1 <= depth <= _DEEPEST:
        raise ValueError(f"a convolutional network has a depth of 1 or {_DEEPEST}; depth is {depth}")
    if height * width != pixels or height % 2**depth or width % 2**depth:
        raise ValueError(f"{pixels} pixels in rows of {width} cannot be halved {depth} times; choose architecture=mlp")
    return height, width


def _channels(level: int) -> int:
    return _CHANNELS * 2 ** (level - 1)


def _initialise(layers: nn.Sequential) -> None:
    """Draw Glorot weights and set biases to zero, as those of dense layers."""
    for layer in layers:
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
