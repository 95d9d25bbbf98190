"""The same replicates, training steps and seeds in JAX, as somebody writes them who cares for speed.

Everything that is timed is one compiled program: a `scan` over replicates or steps. Only what needs JAX imports this
module.
"""

# JAX is an extra.
# pyright: reportMissingImports=false

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import jax
import jax.numpy as jnp
from jax import lax, random
from torch import Tensor, nn

from tasks.base import Task
from tasks.parts.sigmoid_belief import SigmoidBeliefNetwork
from tests.benchmarks.replicates import FEW, Point
from tests.benchmarks.training import BATCH, STEP_SIZE, trainer

Params = list[tuple[jax.Array, jax.Array]]
Surrogate = Callable[[Any, jax.Array, jax.Array], jax.Array]
"""Of parameters, a batch and a key: what has the gradient estimate as its derivative."""

_CHUNKS: Final = (2, 4, 8, 16, 32)
_TRIED: Final = 32
"""Replicates that each way of drawing them is tried out on."""


def parameters_of(task: Task) -> Any:
    """Return the weights of a `vae-mnist` or `sbn-mnist`: encoder, decoder and, of the latter, the prior's logits."""
    networks = _layers(task.guide), _layers(task.model)
    if isinstance(task, SigmoidBeliefNetwork):
        return *networks, _array(task.model.prior_logits)
    return networks


def _layers(network: nn.Module) -> Params:
    layers = [part for part in network.modules() if isinstance(part, nn.Linear)]
    return [(_array(layer.weight).T, _array(layer.bias)) for layer in layers]


def _array(value: Tensor) -> jax.Array:
    return jnp.asarray(value.detach().numpy())


def _apply(layers: Params, value: jax.Array) -> jax.Array:
    for weight, bias in layers[:-1]:
        value = jnp.tanh(value @ weight + bias)
    weight, bias = layers[-1]
    return value @ weight + bias


def _bernoulli(x: jax.Array, logits: jax.Array) -> jax.Array:
    return (x * logits - jax.nn.softplus(logits)).sum(-1)


def _normal(value: jax.Array, loc: jax.Array, log_scale: jax.Array) -> jax.Array:
    """Return log N(value; loc, scale²), apart from what does not depend on anything."""
    return (-0.5 * ((value - loc) * jnp.exp(-log_scale)) ** 2 - log_scale).sum(-1)


def _joint(decoder: Params, x: jax.Array, z: jax.Array) -> jax.Array:
    return _bernoulli(x, _apply(decoder, z)) - 0.5 * (z**2).sum(-1)


def reparam(parameters: tuple[Params, Params], x: jax.Array, key: jax.Array) -> jax.Array:
    """Return the pathwise surrogate."""
    encoder, decoder = parameters
    loc, log_scale = jnp.split(_apply(encoder, x), 2, -1)
    noise = random.normal(key, loc.shape)
    z = loc + jnp.exp(log_scale) * noise
    # log q(z|x) in terms of the noise.
    return (_joint(decoder, x, z) + log_scale.sum(-1)).mean()


def reinforce(parameters: tuple[Params, Params], x: jax.Array, key: jax.Array) -> jax.Array:
    """Return the score-function surrogate."""
    encoder, decoder = parameters
    loc, log_scale = jnp.split(_apply(encoder, x), 2, -1)
    z = lax.stop_gradient(loc + jnp.exp(log_scale) * random.normal(key, loc.shape))
    log_q, log_joint = _normal(z, loc, log_scale), _joint(decoder, x, z)
    return (lax.stop_gradient(log_joint - log_q) * log_q + log_joint).mean()


def iwae(parameters: tuple[Params, Params], x: jax.Array, key: jax.Array, samples: int) -> jax.Array:
    """Return the importance-weighted bound."""
    encoder, decoder = parameters
    loc, log_scale = jnp.split(_apply(encoder, x), 2, -1)
    noise = random.normal(key, (samples, *loc.shape))
    z = loc + jnp.exp(log_scale) * noise
    log_weight = _joint(decoder, x, z) + (0.5 * noise**2).sum(-1) + log_scale.sum(-1)
    return jax.nn.logsumexp(log_weight, axis=0).mean()


def disarm(parameters: tuple[Params, Params, jax.Array], x: jax.Array, key: jax.Array, mean: jax.Array) -> jax.Array:
    """Return the antithetic surrogate of a belief network: both bits of a pair go through the decoder at once."""
    encoder, decoder, prior = parameters
    logits = _apply(encoder, x - mean)
    uniform = random.uniform(key, logits.shape)
    probability = lax.stop_gradient(jax.nn.sigmoid(logits))
    bits = (uniform < probability).astype(x.dtype)
    pair = jnp.stack([bits, (1 - uniform < probability).astype(x.dtype)])
    log_joint = _bernoulli(x, _apply(decoder, 2 * pair - 1)) + _bernoulli(pair, prior)
    value = lax.stop_gradient(log_joint - _bernoulli(pair, logits))
    weight = 0.5 * (pair[0] - pair[1]) * jax.nn.sigmoid(jnp.abs(lax.stop_gradient(logits)))
    slope = (value[0] - value[1])[:, None] * weight
    # θ learns from the mean over the pair.
    return ((slope * logits).sum(-1) + log_joint.mean(0)).mean()


_SURROGATES: Final[dict[str, Callable[..., jax.Array]]] = {
    "reparam": reparam,
    "reinforce": reinforce,
    "iwae": iwae,
    "disarm": disarm,
}


def replicates(point: Point) -> Callable[[int], Callable[[], float]]:
    """Return what makes the work of measuring the variance of a gradient from so many replicates.

    They are drawn one by one, or so many at once by `vmap`, whichever was fastest when tried out; a few, one by one.
    """

    def make(count: int) -> Callable[[], float]:
        given = _prepared(point)
        if count <= FEW:
            return _variance(*given, count, 1)
        chunks = (1, *(chunk for chunk in _CHUNKS if chunk <= count))
        tried = {chunk: _seconds(_variance(*given, min(count, _TRIED), chunk)) for chunk in chunks}
        return _variance(*given, count, min(tried, key=lambda chunk: tried[chunk]))

    return make


def once(point: Point, count: int) -> float:
    """Return the variance from so many replicates."""
    return _variance(*_prepared(point), count, 1)()


def _prepared(point: Point) -> tuple[Surrogate, Any, jax.Array]:
    """Return the surrogate of an estimator, and the parameters and the batch that PyTorch measures at."""
    task, _, x = point.build()
    surrogate = _SURROGATES[point.estimator]
    if isinstance(task, SigmoidBeliefNetwork):
        surrogate = partial(surrogate, mean=_array(task.guide.mean))
    if point.samples > 1:
        surrogate = partial(surrogate, samples=point.samples)
    return surrogate, parameters_of(task), _array(x)


def _variance(surrogate: Surrogate, parameters: Any, x: jax.Array, count: int, chunk: int) -> Callable[[], float]:
    gradient = jax.grad(surrogate)
    first = jax.jit(gradient)(parameters, x, random.key(0))
    zeros = jax.tree.map(jnp.zeros_like, first)

    def add(moments: tuple[Any, Any], key: jax.Array) -> tuple[tuple[Any, Any], None]:
        sums, squares = moments
        if chunk == 1:
            shifted = jax.tree.map(jnp.subtract, gradient(parameters, x, key), first)
            sums = jax.tree.map(jnp.add, sums, shifted)
            return (sums, jax.tree.map(lambda q, g: q + g * g, squares, shifted)), None
        drawn = jax.vmap(gradient, (None, None, 0))(parameters, x, random.split(key, chunk))
        shifted = jax.tree.map(jnp.subtract, drawn, first)
        sums = jax.tree.map(lambda s, g: s + g.sum(0), sums, shifted)
        return (sums, jax.tree.map(lambda q, g: q + (g * g).sum(0), squares, shifted)), None

    steps = max(1, count // chunk)

    @jax.jit
    def spread(key: jax.Array) -> jax.Array:
        (sums, squares), _ = lax.scan(add, (zeros, zeros), random.split(key, steps))
        parts = jax.tree.map(lambda q, s: (q - s * s / (steps * chunk)).sum(), squares, sums)
        return jax.tree.reduce(jnp.add, parts) / (steps * chunk - 1)

    spread(random.key(1)).block_until_ready()
    return lambda: float(spread(random.key(2)))


def _seconds(work: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def steps(count: int) -> Callable[[], object]:
    """Return `count` training steps of `vae-mnist`, each on a new batch, binarized anew, with Adam."""
    return _training(None)(count)


def seeds(number: int) -> Callable[[int], Callable[[], object]]:
    """Return what makes the work of so many steps of one seed, `number` seeds at once by `vmap`."""
    return lambda count: _training(number)(max(1, count // number))


def _training(number: int | None) -> Callable[[int], Callable[[], object]]:
    training = trainer()
    grey = jnp.asarray(training.batches.rows.numpy())
    gradient = jax.grad(lambda parameters, x, key: -reparam(parameters, x, key))

    def step(state: Any, at: jax.Array) -> tuple[Any, None]:
        parameters, means, squares, key = state
        key, binarization, noise, order = random.split(key, 4)
        rows = grey[random.randint(order, (BATCH,), 0, len(grey))]
        x = (random.uniform(binarization, rows.shape) * 255 < rows).astype(jnp.float32)
        found = gradient(parameters, x, noise)
        means = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, means, found)
        squares = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, squares, found)
        rate, root = STEP_SIZE / (1 - 0.9 ** (at + 1.0)), jnp.sqrt(1 - 0.999 ** (at + 1.0))
        parameters = jax.tree.map(
            lambda p, m, v: p - rate * m / (jnp.sqrt(v) / root + 1e-8), parameters, means, squares
        )
        return (parameters, means, squares, key), None

    one = parameters_of(training.task)
    zeros = jax.tree.map(jnp.zeros_like, one)
    begin: Any = (one, zeros, zeros, random.key(0))
    if number is not None:
        begin = jax.tree.map(lambda leaf: jnp.stack([leaf] * number), (one, zeros, zeros))
        begin = (*begin, random.split(random.key(0), number))

    def make(count: int) -> Callable[[], object]:
        @jax.jit
        def train(state: Any) -> Any:
            stepped = step if number is None else jax.vmap(step, (0, None))
            return lax.scan(stepped, state, jnp.arange(count))[0]

        jax.block_until_ready(train(begin))
        return lambda: jax.block_until_ready(train(begin))

    return make
