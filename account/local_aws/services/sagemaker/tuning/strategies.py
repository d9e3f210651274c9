"""ParameterRanges and Strategy of a HyperParameterTuningJob: scales, and the strategies Random, Grid and Bayesian.

Sources: the developer guide, "Define Hyperparameter Ranges" (scales) and "How Hyperparameter Tuning Works"
(strategies); Snoek, Larochelle and Adams, "Practical Bayesian Optimization of Machine Learning Algorithms"
(2012), for a Gaussian process with expected improvement and for jobs whose result is pending.
AWS does not say how it chooses: the values proposed here are not those of a job on AWS.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from local_aws.core.errors import AwsError

if TYPE_CHECKING:
    import numpy as np

DEFAULT_SEED = 0  # of a job that names no RandomSeed: two such jobs over the same ranges try the same values
FIRST_AT_RANDOM = 4  # results that a Bayesian search has before it learns from them
CANDIDATES = 2000
LOGARITHMIC_FROM = 100  # an Auto range whose end is so many times its begin is searched on a logarithmic scale

NORMAL = NormalDist()

Proposal = dict[str, str]


@dataclass(frozen=True)
class NumericRange:
    """A continuous or an integer range.  A position in it is a number from 0 to 1 on its scale."""

    name: str
    low: float
    high: float
    scale: str
    integer: bool

    width = 1

    def at(self, position: float) -> str:
        """The value at a position, as hyperparameters are written."""
        low, high = self._ends()
        value = self._unscaled(low + position * (high - low))
        if self.integer:
            value = round(value)
        value = min(max(value, self.low), self.high)
        return str(int(value)) if self.integer else repr(float(value))

    def coordinates(self, text: str) -> list[float]:
        """Where the value that ``text`` is lies on the range's scale: one number, from 0 to 1."""
        low, high = self._ends()
        return [(self._scaled(float(text)) - low) / (high - low or 1.0)]

    def _ends(self) -> tuple[float, float]:
        # Half a step around an integer range gives its ends the share of the others.
        margin = 0.5 if self.integer else 0.0
        return self._scaled(self.low - margin), self._scaled(self.high + margin)

    def _scaled(self, value: float) -> float:
        if self.scale == "Logarithmic":
            return math.log(value)
        return -math.log1p(-value) if self.scale == "ReverseLogarithmic" else value

    def _unscaled(self, value: float) -> float:
        if self.scale == "Logarithmic":
            return math.exp(value)
        return -math.expm1(-value) if self.scale == "ReverseLogarithmic" else value


@dataclass(frozen=True)
class CategoricalRange:
    """A categorical range."""

    name: str
    values: tuple[str, ...]

    @property
    def width(self) -> int:
        """How many values there are."""
        return len(self.values)

    def at(self, position: float) -> str:
        """The value at a position from 0 to 1: each has the same share."""
        return self.values[min(int(position * len(self.values)), len(self.values) - 1)]

    def coordinates(self, text: str) -> list[float]:
        """A number for each value: 1 for the one that ``text`` is, 0 for the others."""
        return [float(text == value) for value in self.values]


ParameterRange = NumericRange | CategoricalRange


def read_ranges(parameter_ranges: dict[str, Any]) -> list[ParameterRange]:
    """The ranges of a ParameterRanges; AwsError names the one that cannot be searched."""
    ranges: list[ParameterRange] = []
    for range_type in ("Integer", "Continuous"):
        for description in parameter_ranges.get(f"{range_type}ParameterRanges", []):
            ranges.append(_numeric_range(description, range_type == "Integer"))
    for description in parameter_ranges.get("CategoricalParameterRanges", []):
        if len(set(description["Values"])) < len(description["Values"]):
            raise _bad(description, "has a value twice")
        ranges.append(CategoricalRange(description["Name"], tuple(description["Values"])))
    names = [parameter.name for parameter in ranges]
    for name in names:
        if names.count(name) > 1:
            raise AwsError("ValidationException", f"The hyperparameter [{name}] has more than one range.")
    return ranges


def _numeric_range(description: dict[str, Any], integer: bool) -> NumericRange:
    ends = []
    for member in ("MinValue", "MaxValue"):
        try:
            end = float(int(description[member]) if integer else description[member])
        except (ValueError, OverflowError):
            end = math.nan
        if not math.isfinite(end):
            noun = "an integer" if integer else "a number"
            raise _bad(description, f"has the {member} '{description[member]}', which is not {noun}")
        ends.append(end)
    low, high = ends
    if not low < high:
        raise _bad(
            description,
            f"must have a MinValue ({description['MinValue']}) below its MaxValue ({description['MaxValue']})",
        )
    scale = description.get("ScalingType", "Auto")
    if scale == "Auto":
        scale = "Logarithmic" if low > 0 and high >= LOGARITHMIC_FROM * low else "Linear"
    if scale == "Logarithmic" and low <= 0:
        raise _bad(description, "must have only values greater than 0 for logarithmic scaling")
    if scale == "ReverseLogarithmic" and (integer or low < 0 or high >= 1):
        raise _bad(description, "must lie entirely within 0 <= x < 1.0 for reverse logarithmic scaling")
    parameter = NumericRange(description["Name"], low, high, scale, integer)
    if not (math.isfinite(high - low) and parameter.coordinates(repr(high)) > parameter.coordinates(repr(low))):
        raise _bad(description, "is too wide or too narrow for its numbers")
    return parameter


def _bad(description: dict[str, Any], fault: str) -> AwsError:
    return AwsError("ValidationException", f"The range of the hyperparameter [{description['Name']}] {fault}.")


class Strategy:
    """A strategy over ranges: the proposal of each number, from the results that are known.

    A proposal depends on the seed, on its number and on what is passed, on nothing else.
    """

    def __init__(self, ranges: Sequence[ParameterRange], seed: int) -> None:
        self.ranges = ranges
        self.seed = seed

    def propose(self, number: int, results: list[tuple[Proposal, float]], pending: list[Proposal]) -> Proposal:
        """Proposal ``number``; ``results`` have the lower objective the better, ``pending`` none yet."""
        raise NotImplementedError

    def _random(self, number: int) -> np.random.Generator:
        import numpy as np  # only an account that tunes needs it

        return np.random.default_rng([self.seed, number])

    def _at(self, positions: Iterable[float]) -> Proposal:
        return {
            parameter.name: parameter.at(float(position))
            for parameter, position in zip(self.ranges, positions, strict=True)
        }


class RandomSearch(Strategy):
    """Each value by itself, equally likely everywhere on its scale."""

    def propose(self, number: int, results: list[tuple[Proposal, float]], pending: list[Proposal]) -> Proposal:
        """A value for each range by the seed and the number alone."""
        return self._at(self._random(number).random(len(self.ranges)))


class GridSearch(Strategy):
    """Every combination of categories once, the last range's changing first; it takes categorical ranges only."""

    def propose(self, number: int, results: list[tuple[Proposal, float]], pending: list[Proposal]) -> Proposal:
        """The combination of this number; StopIteration if there are not so many."""
        values = [parameter.values for parameter in self.ranges if isinstance(parameter, CategoricalRange)]
        combination = next(itertools.islice(itertools.product(*values), number, None))
        return {parameter.name: value for parameter, value in zip(self.ranges, combination, strict=True)}


class BayesianSearch(RandomSearch):
    """A Gaussian process of the results; of many random candidates the one with most expected improvement."""

    def propose(self, number: int, results: list[tuple[Proposal, float]], pending: list[Proposal]) -> Proposal:
        """The candidate from which most is expected; a random one until there are FIRST_AT_RANDOM results."""
        if len(results) < FIRST_AT_RANDOM:
            return super().propose(number, results, pending)
        import numpy as np
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

        random = self._random(number)
        tried = np.array([self._coordinates(proposal) for proposal, _ in results])
        # Ranks in place of values: one job that diverged would flatten all others.
        order = np.argsort(np.argsort([value for _, value in results], kind="stable"), kind="stable")
        values = np.array([NORMAL.inv_cdf((rank + 0.5) / len(order)) for rank in order])
        kernel = ConstantKernel() * Matern(np.full(tried.shape[1], 0.5), (0.05, 20), nu=2.5) + WhiteKernel(1e-3)
        process = GaussianProcessRegressor(kernel, random_state=random.integers(2**31))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # of a length scale at its bound: no harm
            process.fit(tried, values)
        if pending:
            # A job that still runs counts with what is expected of it: its neighbourhood is not tried again.
            waiting = np.array([self._coordinates(proposal) for proposal in pending])
            expected = process.predict(waiting)
            process = GaussianProcessRegressor(process.kernel_, optimizer=None)
            process.fit(np.vstack([tried, waiting]), np.concatenate([values, expected]))
        candidates = [self._at(positions) for positions in random.random((CANDIDATES, len(self.ranges)))]
        mean, deviation = process.predict(
            np.array([self._coordinates(candidate) for candidate in candidates]), return_std=True
        )
        deviation = np.maximum(deviation, 1e-12)
        gain = values.min() - mean
        improvement = [
            by * NORMAL.cdf(by / width) + width * NORMAL.pdf(by / width)
            for by, width in zip(gain.tolist(), deviation.tolist(), strict=True)
        ]
        return candidates[int(np.argmax(improvement))]

    def _coordinates(self, proposal: Proposal) -> list[float]:
        return [
            coordinate for parameter in self.ranges for coordinate in parameter.coordinates(proposal[parameter.name])
        ]


STRATEGIES = {"Random": RandomSearch, "Grid": GridSearch, "Bayesian": BayesianSearch}
