"""Kullback–Leibler divergences in closed form that torch does not know."""

from torch import Tensor
from torch.distributions import Independent, MultivariateNormal, Normal, register_kl


@register_kl(MultivariateNormal, Independent)
def _full_from_diagonal(q: MultivariateNormal, p: Independent) -> Tensor:
    """½ Σ_i [((L Lᵀ)_ii + (m_i − μ_i)²) / σ_i² − 1 + log σ_i²] − Σ_i log L_ii, in nats."""
    if not isinstance(p.base_dist, Normal):
        raise NotImplementedError
    factor, variance = q._unbroadcasted_scale_tril, p.base_dist.variance
    second = factor.square().sum(-1) + (q.loc - p.base_dist.loc).square()
    log_scale = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return 0.5 * (second / variance - 1 + variance.log()).sum(-1) - log_scale
