"""What a tuning job tries next: ranges and their scales, and the strategies Random, Grid and Bayesian.

Sources: the developer guide, "Define Hyperparameter Ranges" (scales) and "How Hyperparameter Tuning Works"
(strategies); Snoek, Larochelle and Adams, "Practical Bayesian Optimization of Machine Learning Algorithms"
(2012), for a Gaussian process with expected improvement and for jobs whose result is pending.
AWS does not say how it chooses: the values proposed here are not those of a job on AWS.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from local_aws.core.errors import AwsError

if TYPE_CHECKING:
    import numpy as np

DEFAULT_SEED = 0  # of a job that names no RandomSeed: two such jobs over the same ranges try the same values
FIRST_AT_RANDOM = 4  # results that a Bayesian search has before it learns from them
CANDIDATES = 2000
MANY_TIMES = 100  # an Auto range whose end is so many times its begin is searched on a logarithmic scale

NORMAL = NormalDist()

Proposal = dict[str, str]


@dataclass(frozen=True)
class Numbers:
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
class Choices:
    """A categorical range."""

    name: str
    values: tuple[str, ...]

    @property
    def width(self) -> int:
        return len(self.values)

    def at(self, position: float) -> str:
        return self.values[min(int(position * len(self.values)), len(self.values) - 1)]

    def coordinates(self, text: str) -> list[float]:
        return [float(text == value) for value in self.values]


Range = Numbers | Choices


def read_ranges(given: dict[str, Any]) -> list[Range]:
    """The ranges of a ParameterRanges; AwsError names the one that cannot be searched."""
    ranges: list[Range] = []
    for kind in ("Integer", "Continuous"):
        for each in given.get(f"{kind}ParameterRanges", []):
            ranges.append(_numbers(each, kind == "Integer"))
    for each in given.get("CategoricalParameterRanges", []):
        if len(set(each["Values"])) < len(each["Values"]):
            raise _bad(each, "has a value twice")
        ranges.append(Choices(each["Name"], tuple(each["Values"])))
    names = [each.name for each in ranges]
    for name in names:
        if names.count(name) > 1:
            raise AwsError("ValidationException", f"The hyperparameter [{name}] has more than one range.")
    return ranges


def _numbers(given: dict[str, Any], integer: bool) -> Numbers:
    ends = []
    for member in ("MinValue", "MaxValue"):
        try:
            end = float(int(given[member]) if integer else given[member])
        except (ValueError, OverflowError):
            end = math.nan
        if not math.isfinite(end):
            kind = "an integer" if integer else "a number"
            raise _bad(given, f"has the {member} '{given[member]}', which is not {kind}")
        ends.append(end)
    low, high = ends
    if not low < high:
        raise _bad(given, f"must have a MinValue ({given['MinValue']}) below its MaxValue ({given['MaxValue']})")
    scale = given.get("ScalingType", "Auto")
    if scale == "Auto":
        scale = "Logarithmic" if low > 0 and high >= MANY_TIMES * low else "Linear"
    if scale == "Logarithmic" and low <= 0:
        raise _bad(given, "must have only values greater than 0 for logarithmic scaling")
    if scale == "ReverseLogarithmic" and (integer or low < 0 or high >= 1):
        raise _bad(given, "must lie entirely within 0 <= x < 1.0 for reverse logarithmic scaling")
    found = Numbers(given["Name"], low, high, scale, integer)
    if not (math.isfinite(high - low) and found.coordinates(repr(high)) > found.coordinates(repr(low))):
        raise _bad(given, "is too wide or too narrow for its numbers")
    return found


def _bad(given: dict[str, Any], what: str) -> AwsError:
    return AwsError("ValidationException", f"The range of the hyperparameter [{given['Name']}] {what}.")


class Search:
    """A strategy over ranges: proposal number k, from the results that are known.

    A proposal depends on the seed, on k and on what is passed, on nothing else.
    """

    def __init__(self, ranges: Sequence[Range], seed: int) -> None:
        self.ranges = ranges
        self.seed = seed

    def propose(self, k: int, results: list[tuple[Proposal, float]], pending: list[Proposal]) -> Proposal:
        """Proposal ``k``; ``results`` have the lower objective the better, ``pending`` none yet."""
        raise NotImplementedError

    def _random(self, k: int) -> np.random.Generator:
        import numpy as np  # only an account that tunes needs it

        return np.random.default_rng([self.seed, k])

    def _at(self, positions: Sequence[float]) -> Proposal:
        return {each.name: each.at(float(at)) for each, at in zip(self.ranges, positions, strict=True)}


class RandomSearch(Search):
    """Each value by itself, equally likely everywhere on its scale."""

    def propose(self, k: int, results: list[tuple[Proposal, float]], pending: list[Proposal]) -> Proposal:
        return self._at(self._random(k).random(len(self.ranges)))


class GridSearch(Search):
    """Every combination of categories once, the last range's changing first."""

    def propose(self, k: int, results: list[tuple[Proposal, float]], pending: list[Proposal]) -> Proposal:
        combination = next(itertools.islice(itertools.product(*(each.values for each in self.ranges)), k, None))
        return {each.name: value for each, value in zip(self.ranges, combination, strict=True)}


class BayesianSearch(RandomSearch):
    """A Gaussian process of the results; of many random candidates the one with most expected improvement."""

    def propose(self, k: int, results: list[tuple[Proposal, float]], pending: list[Proposal]) -> Proposal:
        if len(results) < FIRST_AT_RANDOM:
            return super().propose(k, results, pending)
        import numpy as np
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

        random = self._random(k)
        tried = np.array([self._coordinates(proposal) for proposal, _ in results])
        # Ranks in place of values: one job that diverged would flatten all others.
        order = np.argsort(np.argsort([value for _, value in results], kind="stable"), kind="stable")
        values = np.array([NORMAL.inv_cdf((place + 0.5) / len(order)) for place in order])
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
        candidates = [self._at(each) for each in random.random((CANDIDATES, len(self.ranges)))]
        mean, deviation = process.predict(np.array([self._coordinates(each) for each in candidates]), return_std=True)
        deviation = np.maximum(deviation, 1e-12)
        gain = values.min() - mean
        improvement = [
            by * NORMAL.cdf(by / width) + width * NORMAL.pdf(by / width)
            for by, width in zip(gain.tolist(), deviation.tolist(), strict=True)
        ]
        return candidates[int(np.argmax(improvement))]

    def _coordinates(self, proposal: Proposal) -> list[float]:
        return [number for each in self.ranges for number in each.coordinates(proposal[each.name])]


STRATEGIES = {"Random": RandomSearch, "Grid": GridSearch, "Bayesian": BayesianSearch}
