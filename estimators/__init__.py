"""Monte Carlo gradient estimators, one per file, written as in their papers; a folder for each family of methods.

`INDEX` names each without importing it (nor torch): name -> (module:Class, one line).
"""

from typing import Final

# family -> name -> (file:Class, one line, seat)
_FAMILIES: Final[dict[str, dict[str, tuple[str, str, int]]]] = {
    "evidence": {
        "naive-mc": ("naive_mc:NaiveMC", "log-evidence by plain Monte Carlo from the prior (biased for log p)", 0),
        "jvi": ("jvi:JVI", "jackknife of the K-sample bound: bias for log p of O(K^{−order−1})", 1),
        "sumo": ("sumo:SUMO", "randomly truncated series: unbiased for log p, about 6 samples", 2),
    },
    "score_function": {
        "reinforce": ("reinforce:Reinforce", "score function: f · ∇log q", 3),
        "reinforce-ema": ("reinforce_ema:ReinforceEMA", "score function, moving-average baseline", 4),
        "nvil": ("nvil:NVIL", "score function, baseline network on x", 5),
        "reinforce-loo": ("reinforce_loo:ReinforceLOO", "score function, leave-one-out baseline", 6),
        "reinforce-optimal": (
            "reinforce_optimal:ReinforceOptimal",
            "score function, minimum-variance baseline for each coordinate",
            7,
        ),
        "vargrad": ("vargrad:VarGrad", "gradient of the log-variance loss; leave-one-out for the ELBO", 8),
    },
    "pathwise": {
        "reparam": ("reparam:Reparam", "pathwise gradient (reparameterization trick)", 9),
        "stl": ("stl:STL", "sticking the landing: path derivative of the ELBO", 10),
        "generalized-reparam": (
            "generalized_reparam:GeneralizedReparam",
            "pathwise through standardised noise, with a score correction",
            11,
        ),
        "rsvi": ("rsvi:RSVI", "pathwise through a rejection sampler, with a score correction", 12),
        "quadratic-cv": ("quadratic_cv:QuadraticCV", "pathwise, Taylor control variate (Gaussian guides)", 13),
        "measure-valued": ("measure_valued:MeasureValued", "difference of two weak derivatives per coordinate", 14),
    },
    "importance_weighted": {
        "iwae": ("iwae:IWAE", "pathwise gradient of the K-sample importance-weighted bound", 15),
        "iwae-reinforce": ("iwae_reinforce:IWAEReinforce", "score function of the K-sample bound", 16),
        "iwae-stl": ("iwae_stl:IWAESTL", "path derivative of the K-sample bound (biased)", 17),
        "dreg": ("dreg:DReG", "doubly reparameterised gradient of the K-sample bound", 18),
        "gdreg": ("gdreg:GDReG", "doubly reparameterised, also for a learned prior", 19),
        "rws": ("rws:RWS", "reweighted wake-sleep, wake phase for the guide", 20),
        "wake-sleep": ("wake_sleep:WakeSleep", "the guide learns from the model's own samples", 21),
        "rws-dreg": ("rws_dreg:RWSDReG", "doubly reparameterised wake phase", 22),
        "vimco": ("vimco:VIMCO", "score function of the K-sample bound, leave-one-out baselines", 23),
        "ovis": ("ovis:OVIS", "score function of the K-sample bound, asymptotically optimal control variate", 24),
        "ovis-mc": ("ovis_mc:OVISMC", "score function of the K-sample bound, Monte Carlo control variate", 25),
        "tvo": ("tvo:TVO", "thermodynamic variational objective: left sum over tempered posteriors", 26),
        "miwae": ("miwae:MIWAE", "mean of several importance-weighted bounds", 27),
        "piwae": ("piwae:PIWAE", "one tight bound for the model, several looser ones for the guide", 28),
        "ciwae": ("ciwae:CIWAE", "combination of ELBO and importance-weighted bound", 29),
        "renyi": ("renyi:Renyi", "variational Rényi bound", 30),
    },
    "discrete": {
        "gumbel-softmax": ("gumbel_softmax:GumbelSoftmax", "pathwise through relaxed discrete latents (biased)", 31),
        "st-gumbel-softmax": (
            "st_gumbel_softmax:STGumbelSoftmax",
            "hard sample forward, the relaxed one's Jacobian back (biased)",
            32,
        ),
        "straight-through": (
            "straight_through:StraightThrough",
            "hard sample forward, the mean's Jacobian back (biased)",
            33,
        ),
        "reinmax": ("reinmax:ReinMax", "second-order straight-through (biased)", 34),
        "gumbel-rao": ("gumbel_rao:GumbelRao", "straight-through Gumbel-softmax, its noise averaged out (biased)", 35),
        "rebar": ("rebar:Rebar", "score function, relaxed control variate", 36),
        "relax": ("relax:Relax", "score function, learned control variate at a relaxed sample", 37),
        "muprop": ("muprop:MuProp", "score function, Taylor series at the mean as control variate", 38),
        "arm": ("arm:ARM", "antithetic pair of binary latents, augmented", 39),
        "disarm": ("disarm:DisARM", "antithetic pair of binary latents, the augmentation integrated out", 40),
        "disarm-iw": ("disarm:DisARMIW", "antithetic pairs of binary latents for the K-sample bound", 41),
        "arms": ("arms:ARMS", "K mutually antithetic samples of binary latents", 42),
        "unordered-set": ("unordered_set:UnorderedSet", "samples without replacement, averaged over orders", 43),
        "double-cv": ("double_cv:DoubleCV", "leave-one-out with a linear control variate (binary latents)", 44),
        "rodeo": ("rodeo:RODEO", "leave-one-out with Stein control variates (binary latents)", 45),
        "local-expectation": ("flips:LocalExpectation", "each binary latent summed over in turn", 46),
        "bitflip": ("flips:BitFlip", "one binary latent, chosen at random, summed over", 47),
        "enumerate": ("enumerate:Enumerate", "exact gradient by enumeration of discrete latents", 49),
    },
    "gradient_free": {
        "spsa": ("spsa:SPSA", "simultaneous perturbation of the guide's distribution parameters", 50),
        "evolution-strategies": (
            "evolution_strategies:EvolutionStrategies",
            "Gaussian perturbation of the guide's distribution parameters",
            51,
        ),
    },
    "combined": {
        "hybrid": ("hybrid:Hybrid", "a policy for each site: score function if discrete, else pathwise", 48),
        "linear-cv": ("linear_cv:LinearCV", "the score as a linear control variate around any estimator", 52),
    },
}

INDEX: Final[dict[str, tuple[str, str]]] = {
    name: (f"estimators.{family}.{path}", summary)
    for family, members in _FAMILIES.items()
    for name, (path, summary, _) in members.items()
}

FAMILIES: Final[dict[str, tuple[str, ...]]] = {family: tuple(members) for family, members in _FAMILIES.items()}
"""The names of each family, in their order."""

SEATS: Final[dict[str, int]] = {name: seat for members in _FAMILIES.values() for name, (_, _, seat) in members.items()}
"""A number for each estimator, which gives its colour in figures: a new one takes the next free number."""

ALIASES: Final[dict[str, str]] = {
    "score-function": "reinforce",
    "pathwise": "reparam",
    "reparameterization": "reparam",
    "u2g": "disarm",
}

OPTIONAL: Final[dict[str, tuple[str, str, str]]] = {
    "pyro-trace": ("estimators.pyro.losses:PyroTrace", "Pyro's Trace_ELBO", "pyro"),
    "pyro-tracegraph": ("estimators.pyro.losses:PyroTraceGraph", "Pyro's TraceGraph_ELBO", "pyro"),
    "pyro-tracemeanfield": ("estimators.pyro.losses:PyroTraceMeanField", "Pyro's TraceMeanField_ELBO", "pyro"),
    "pyro-traceenum": ("estimators.pyro.losses:PyroTraceEnum", "Pyro's TraceEnum_ELBO", "pyro"),
    "pyro-renyi": ("estimators.pyro.losses:PyroRenyi", "Pyro's RenyiELBO", "pyro"),
    "pyro-reweighted-wake-sleep": (
        "estimators.pyro.losses:PyroReweightedWakeSleep",
        "Pyro's ReweightedWakeSleep, its wake phase",
        "pyro",
    ),
}
"""Names that need another package: name -> (module:Class, one line, name of the package and of the extra).

They are not part of `all`.
"""
