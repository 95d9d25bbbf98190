"""Monte Carlo gradient estimators, one per file, written as in their papers.

`INDEX` names each without importing it (nor torch): name -> (module:Class, one line).
"""

from typing import Final

INDEX: Final[dict[str, tuple[str, str]]] = {
    "naive-mc": ("estimators.naive_mc:NaiveMC", "log-evidence by plain Monte Carlo from the prior (biased for log p)"),
    "reinforce": ("estimators.reinforce:Reinforce", "score function: f · ∇log q"),
    "reinforce-ema": ("estimators.reinforce_ema:ReinforceEMA", "score function, moving-average baseline"),
    "reinforce-loo": ("estimators.reinforce_loo:ReinforceLOO", "score function, leave-one-out baseline"),
    "reparam": ("estimators.reparam:Reparam", "pathwise gradient (reparameterization trick)"),
    "stl": ("estimators.stl:STL", "sticking the landing: path derivative of the ELBO"),
    "iwae": ("estimators.iwae:IWAE", "pathwise gradient of the K-sample importance-weighted bound"),
    "dreg": ("estimators.dreg:DReG", "doubly reparameterised gradient of the K-sample bound"),
    "enumerate": ("estimators.enumerate:Enumerate", "exact gradient by enumeration of discrete latents"),
}

ALIASES: Final[dict[str, str]] = {
    "score-function": "reinforce",
    "pathwise": "reparam",
    "reparameterization": "reparam",
}
