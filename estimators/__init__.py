"""Monte Carlo gradient estimators, one per file, written as in their papers.

`INDEX` names each without importing it (nor torch): name -> (module:Class, one line).
"""

from typing import Final

INDEX: Final[dict[str, tuple[str, str]]] = {
    "naive-mc": ("estimators.naive_mc:NaiveMC", "log-evidence by plain Monte Carlo from the prior (biased for log p)"),
    "jvi": ("estimators.jvi:JVI", "jackknife of the K-sample bound: bias for log p of O(K^{−order−1})"),
    "sumo": ("estimators.sumo:SUMO", "randomly truncated series: unbiased for log p, about 6 samples"),
    "reinforce": ("estimators.reinforce:Reinforce", "score function: f · ∇log q"),
    "reinforce-ema": ("estimators.reinforce_ema:ReinforceEMA", "score function, moving-average baseline"),
    "nvil": ("estimators.nvil:NVIL", "score function, baseline network on x"),
    "reinforce-loo": ("estimators.reinforce_loo:ReinforceLOO", "score function, leave-one-out baseline"),
    "reinforce-optimal": (
        "estimators.reinforce_optimal:ReinforceOptimal",
        "score function, least-variance baseline for each coordinate",
    ),
    "vargrad": ("estimators.vargrad:VarGrad", "gradient of the log-variance loss; leave-one-out for the ELBO"),
    "reparam": ("estimators.reparam:Reparam", "pathwise gradient (reparameterization trick)"),
    "stl": ("estimators.stl:STL", "sticking the landing: path derivative of the ELBO"),
    "generalized-reparam": (
        "estimators.generalized_reparam:GeneralizedReparam",
        "pathwise through standardised noise, with a score correction",
    ),
    "rsvi": ("estimators.rsvi:RSVI", "pathwise through a rejection sampler, with a score correction"),
    "quadratic-cv": ("estimators.quadratic_cv:QuadraticCV", "pathwise, Taylor control variate (Gaussian guides)"),
    "measure-valued": ("estimators.measure_valued:MeasureValued", "difference of two weak derivatives per coordinate"),
    "iwae": ("estimators.iwae:IWAE", "pathwise gradient of the K-sample importance-weighted bound"),
    "iwae-reinforce": ("estimators.iwae_reinforce:IWAEReinforce", "score function of the K-sample bound"),
    "iwae-stl": ("estimators.iwae_stl:IWAESTL", "path derivative of the K-sample bound (biased)"),
    "dreg": ("estimators.dreg:DReG", "doubly reparameterised gradient of the K-sample bound"),
    "gdreg": ("estimators.gdreg:GDReG", "doubly reparameterised for a learned prior too"),
    "rws": ("estimators.rws:RWS", "reweighted wake-sleep, wake phase for the guide"),
    "wake-sleep": ("estimators.wake_sleep:WakeSleep", "the guide learns from the model's own samples"),
    "rws-dreg": ("estimators.rws_dreg:RWSDReG", "doubly reparameterised wake phase"),
    "vimco": ("estimators.vimco:VIMCO", "score function of the K-sample bound, leave-one-out baselines"),
    "ovis": ("estimators.ovis:OVIS", "score function of the K-sample bound, asymptotically optimal control variate"),
    "ovis-mc": ("estimators.ovis_mc:OVISMC", "score function of the K-sample bound, Monte Carlo control variate"),
    "tvo": ("estimators.tvo:TVO", "thermodynamic variational objective: left sum over tempered posteriors"),
    "miwae": ("estimators.miwae:MIWAE", "mean of several importance-weighted bounds"),
    "piwae": ("estimators.piwae:PIWAE", "one tight bound for the model, several looser ones for the guide"),
    "ciwae": ("estimators.ciwae:CIWAE", "combination of ELBO and importance-weighted bound"),
    "renyi": ("estimators.renyi:Renyi", "variational Rényi bound"),
    "gumbel-softmax": ("estimators.gumbel_softmax:GumbelSoftmax", "pathwise through relaxed discrete latents (biased)"),
    "st-gumbel-softmax": (
        "estimators.st_gumbel_softmax:STGumbelSoftmax",
        "hard sample forward, the relaxed one's Jacobian back (biased)",
    ),
    "straight-through": (
        "estimators.straight_through:StraightThrough",
        "hard sample forward, the mean's Jacobian back (biased)",
    ),
    "reinmax": ("estimators.reinmax:ReinMax", "straight-through to second order (biased)"),
    "gumbel-rao": (
        "estimators.gumbel_rao:GumbelRao",
        "straight-through Gumbel-softmax, its noise averaged out (biased)",
    ),
    "rebar": ("estimators.rebar:Rebar", "score function, relaxed control variate"),
    "relax": ("estimators.relax:Relax", "score function, learned control variate of a relaxed sample"),
    "muprop": ("estimators.muprop:MuProp", "score function, Taylor series at the mean as control variate"),
    "arm": ("estimators.arm:ARM", "antithetic pair of binary latents, augmented"),
    "disarm": ("estimators.disarm:DisARM", "antithetic pair of binary latents, the augmentation integrated out"),
    "disarm-iw": ("estimators.disarm:DisARMIW", "antithetic pairs of binary latents for the K-sample bound"),
    "arms": ("estimators.arms:ARMS", "K mutually antithetic samples of binary latents"),
    "unordered-set": ("estimators.unordered_set:UnorderedSet", "samples without replacement, averaged over orders"),
    "double-cv": ("estimators.double_cv:DoubleCV", "leave-one-out with a linear control variate (binary latents)"),
    "rodeo": ("estimators.rodeo:RODEO", "leave-one-out with Stein control variates (binary latents)"),
    "local-expectation": ("estimators.flips:LocalExpectation", "each binary latent summed over in turn"),
    "bitflip": ("estimators.flips:BitFlip", "one binary latent, chosen at random, summed over"),
    "hybrid": ("estimators.hybrid:Hybrid", "score function for discrete sites, pathwise for continuous ones"),
    "enumerate": ("estimators.enumerate:Enumerate", "exact gradient by enumeration of discrete latents"),
    "spsa": ("estimators.spsa:SPSA", "simultaneous perturbation of the guide's distribution parameters"),
    "evolution-strategies": (
        "estimators.evolution_strategies:EvolutionStrategies",
        "Gaussian perturbation of the guide's distribution parameters",
    ),
    "linear-cv": ("estimators.linear_cv:LinearCV", "the score as a linear control variate around any estimator"),
}

ALIASES: Final[dict[str, str]] = {
    "score-function": "reinforce",
    "pathwise": "reparam",
    "reparameterization": "reparam",
    "u2g": "disarm",
}
