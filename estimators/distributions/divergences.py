"""Kullback–Leibler divergences in closed form that torch does not know."""

from torch import Tensor
from torch.distributions import Independent, LowRankMultivariateNormal, MultivariateNormal, Normal, register_kl


@register_kl(MultivariateNormal, Independent)
def _full_from_diagonal(q: MultivariateNormal, p: Independent) -> Tensor:
    """½ Σ_i [((L Lᵀ)_ii + (m_i − μ_i)²) / σ_i² − 1 + log σ_i²] − Σ_i log L_ii, in nats."""
    if not isinstance(p.base_dist, Normal):
        raise NotImplementedError
    factor, variance = q._unbroadcasted_scale_tril, p.base_dist.variance
    second = factor.square().sum(-1) + (q.loc - p.base_dist.loc).square()
    log_scale = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return 0.5 * (second / variance - 1 + variance.log()).sum(-1) - log_scale


@register_kl(LowRankMultivariateNormal, Independent)
def _low_rank_from_diagonal(q: LowRankMultivariateNormal, p: Independent) -> Tensor:
    """½ Σ_i [((W Wᵀ)_ii + d_i + (m_i − μ_i)²) / σ_i² − 1 + log σ_i²/d_i] − Σ_j log C_jj, in nats.

    C Cᵀ = I + Wᵀ D⁻¹ W, the capacitance.
    """
    if not isinstance(p.base_dist, Normal):
        raise NotImplementedError
    diagonal, variance = q._unbroadcasted_cov_diag, p.base_dist.variance
    second = q._unbroadcasted_cov_factor.square().sum(-1) + diagonal + (q.loc - p.base_dist.loc).square()
    log_capacitance = q._capacitance_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return 0.5 * (second / variance - 1 + variance.log() - diagonal.log()).sum(-1) - log_capacitance
