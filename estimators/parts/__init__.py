"""What several estimators share; the formula itself stands in the estimator's own file.

For score functions and control variates:
    score: score functions that differ in their baseline.
    site_by_site: a policy for each site, with branches at those that are enumerated or drawn in pairs.
    sampling: independent, mirrored or quasi-random draws, for estimators that average over single draws.
    slopes: f with its derivative in the latents, of which a Taylor series or a Stein operator is made.
    relaxed_control: control variates of a relaxed sample, one for each site, learned with their temperatures.
    temperature: that of a relaxation.
    hard_forward: hard samples forward, a Jacobian of one's choice back.
For comparisons of f at changed values:
    binary: Bernoulli sites, their logits, and a gradient given in the logits.
    branches: draws of bits, with other values of one site and new draws of the sites behind it.
    paired: the mean of weighted differences between f at a draw and f at its branches.
    perturbation: finite differences in the parameters of the guide's distributions.
    without_replacement: K distinct values of a discrete site.
    subsets: the probabilities of such a set, over all orders in which it could have been drawn.
For pathwise gradients and bounds:
    weak: transformations whose noise still depends a little on the parameters.
    later: a factor on the gradient that flows back into z, which is known only after z has been used.
    bound: the gradient of any symmetric function of K log weights.
    exact: exact values of targets that estimators define themselves.
And shapes: between [K, B] and [K, B, event].

What every estimator is written in (f, log weights, means over the other samples) is in `estimators.base`, how sites are
drawn in `estimators.draw`, and what is known of each distribution in `estimators.distributions`.
"""
