"""The catalogue: each bug, its correct twin, and tasks on which the two differ."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Exhibit:
    """One bug.

    Attributes:
        name: in the table of detection power.
        broken: the estimator with the bug.
        twin: the same without it.
        tasks: where both are checked.
    """

    name: str
    broken: str
    twin: str
    tasks: tuple[str, ...]


_HERE = "tests.museum."
_TWO_BITS = _HERE + "two_bits:TwoBits"
_ONE_DIMENSION = "linear-gaussian(dim=1, n=8, perturbation=0.3)"
_COSTS = ("gaussian-quadratic", "bernoulli-quadratic(dim=3)")
_BOUNDS = (_ONE_DIMENSION, _TWO_BITS)
_PATHS = (_ONE_DIMENSION, "lecture-weights")

BIASED = (
    Exhibit(
        "relaxed conditional sample without its dependence on the parameters",
        _HERE + "relaxed:ConditionalWithoutParameters",
        _HERE + "relaxed:Rebar",
        _COSTS[1:],
    ),
    Exhibit(
        "relaxed conditional sample without its dependence through p",
        _HERE + "relaxed:ConditionalWithoutProbability",
        _HERE + "relaxed:Rebar",
        _COSTS[1:],
    ),
    Exhibit(
        "control variate's gradient leaks into the model",
        _HERE + "control_variate:BaselineLeaks",
        _HERE + "control_variate:BaselineAtTheMean",
        _BOUNDS,
    ),
    Exhibit(
        "moving-average baseline contains the current sample",
        _HERE + "score_function:UpdatedBeforeRead",
        "reinforce-ema",
        _COSTS,
    ),
    Exhibit("K/(K−1) forgotten", _HERE + "score_function:MeanOfAll", "reinforce-loo", _COSTS),
    Exhibit("STL with its path detached", _HERE + "pathwise:PathDetached", "stl", _PATHS),
    Exhibit("DReG with log q attached", _HERE + "pathwise:SquaredWeightsAttached", "dreg", _PATHS),
    Exhibit("DReG's squared weights on θ", _HERE + "pathwise:SquaredWeightsForTheModel", "dreg", _PATHS),
    Exhibit("STL on the IWAE bound", _HERE + "pathwise:DensityDetachedInTheBound", "dreg", _PATHS),
    Exhibit(
        "Rényi score function with the coefficient of K → ∞",
        _HERE + "multisample:RenyiInTheLimit",
        _HERE + "multisample:Renyi",
        (_TWO_BITS,),
    ),
    Exhibit("−log K dropped in VIMCO", _HERE + "multisample:LogKDropped", _HERE + "multisample:Vimco", _BOUNDS),
    Exhibit(
        "averages multiplied in multi-sample RELAX",
        _HERE + "relaxed:AveragesMultiplied",
        _HERE + "relaxed:Rebar",
        _COSTS[1:],
    ),
    Exhibit("N/|B| twice", _HERE + "minibatch:ScaledTwice", _HERE + "minibatch:Subsampled", (_ONE_DIMENSION,)),
    Exhibit("N/|B| inverted", _HERE + "minibatch:ScaleInverted", _HERE + "minibatch:Subsampled", (_ONE_DIMENSION,)),
    Exhibit("a sign", _HERE + "score_function:WrongSign", "reinforce", _COSTS),
    Exhibit(
        "objective replaced by the surrogate's value",
        _HERE + "protocol:ObjectiveAltered",
        _HERE + "protocol:Plain",
        (_ONE_DIMENSION,),
    ),
)
"""Bugs that change a mean, and are found by a test with a false-alarm rate."""

VIOLATED = (
    Exhibit("one noise for all estimates", _HERE + "protocol:OneNoiseForAll", _HERE + "protocol:Plain", _PATHS),
    Exhibit("STL with log q attached", _HERE + "pathwise:DensityAttached", "stl", _PATHS),
    Exhibit(
        "baseline's loss leaks into the model",
        _HERE + "control_variate:AuxiliaryLeaks",
        _HERE + "control_variate:LearnedBaseline",
        (_ONE_DIMENSION,),
    ),
    Exhibit(
        "surrogate trains the baseline",
        _HERE + "control_variate:BaselineTrainedBySurrogate",
        _HERE + "control_variate:LearnedBaseline",
        (_ONE_DIMENSION,),
    ),
    *(
        Exhibit(name, f"{_HERE}protocol:{broken}", f"{_HERE}protocol:Plain", (_ONE_DIMENSION,))
        for name, broken in (
            ("objective carries a gradient", "ObjectiveAttached"),
            ("surrogate summed over the batch", "SummedOverTheBatch"),
            ("more evaluations than declared", "EvaluatesTwice"),
            ("more evaluations, by log_joint", "EvaluatesByAnotherDoor"),
            ("more evaluations, by forward", "EvaluatesByForward"),
            ("more evaluations, by vmap on a copy", "EvaluatesACopyBatched"),
            ("state changes while it is measured", "LearnsWhileMeasured"),
            ("declared latents not refused", "AcceptsEverything"),
            ("φ trained against the declaration", "TrainsTheGuideAnyway"),
        )
    ),
)
"""Broken promises that show in one estimate, in a variance that is not zero, or between two settings."""

ELSEWHERE = (
    *(
        Exhibit(name, f"{_HERE}hidden:{broken}", f"{_HERE}hidden:{twin}", (_ONE_DIMENSION,))
        for name, broken, twin in (
            ("all but four samples forgotten", "WrongForManySamples", "TorchNoise"),
            ("all but sixteen rows forgotten", "WrongForManyRows", "TorchNoise"),
            ("f clipped at ±150", "Clipped", "TorchNoise"),
            ("log of a mean of exp", "OverflowingBound", "StableBound"),
            ("worn out by a thousand steps", "WornOut", "Baseline"),
            ("moving average that no checkpoint keeps", "BaselineOutsideBuffers", "Baseline"),
            ("noise from NumPy", "NumpyNoise", "TorchNoise"),
            ("a generator of its own", "OwnGenerator", "TorchNoise"),
            ("a sign that alternates", "AlternatingSign", "TorchNoise"),
            ("noise that instances share", "SharedNoise", "TorchNoise"),
        )
    ),
    *(
        Exhibit(name, f"{_HERE}side_effects:{broken}", f"{_HERE}side_effects:WorksOnACopy", (_ONE_DIMENSION,))
        for name, broken in (
            ("φ moved while it is measured", "MovesParameters"),
            ("θ left frozen", "FreezesTheModel"),
            ("observations centred where they lie", "CentresObservations"),
            ("gradients left behind", "LeavesGradients"),
        )
    ),
    *(
        Exhibit(name, f"{_HERE}biased:{broken}", f"{_HERE}biased:{twin}", (_ONE_DIMENSION,))
        for name, broken, twin in (
            ("a sign behind a declared bias", "SignHidden", "Shrunk"),
            ("a sum behind a declared bias", "FarTooLarge", "Shrunk"),
            ("a bias that is O(1) and not O(1/K)", "Persisting", "Vanishing"),
            ("a mean that is not another's", "NotTheSame", "SameAsReparam"),
        )
    ),
)
"""What only other sizes, a second instance, a copy of the task or a claim of a declared bias shows."""
