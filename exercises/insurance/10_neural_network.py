"""Exercises of "Train a network in PyTorch, and compare all models"."""

import re
from pathlib import Path
from typing import Any

from exercises.insurance.prepared import parts, script
from exercises.kinds import Choice, Found, Number, Question
from utils.check import ROOT, Unreadable
from utils.course import Course

LESSONS = ROOT / "notebooks" / "insurance"
NETWORK = LESSONS / "neural_network" / "pytorch_net"
REGIONS, EMBEDDING, UNITS = 4, 2, (32, 16, 1)
ASKED = {"embedding": str(EMBEDDING), "epochs": "60", "seed": "7"}  # as a command line has them


def columns(course: Course) -> int:
    """How many features the networks get, without the interaction term."""
    return parts(course)["train"].drop(columns=["charges", script().INTERACTION]).shape[1]


def numbers(inputs: int, intercepts: int = 1) -> int:
    """How many numbers the three layers learn."""
    return sum((before + intercepts) * units for before, units in zip((inputs, *UNITS), UNITS, strict=False))


def inputs(course: Course) -> int:
    """What goes into the first layer of the network with the embedding."""
    return columns(course) - (REGIONS - 1) + EMBEDDING


def order(answer: Any, course: Course) -> Any:
    """An estimator that was not sent, or was."""
    if isinstance(answer, type) or not all(hasattr(answer, name) for name in ("entry_point", "source_dir", "max_run")):
        raise Unreadable("An estimator was expected: mended = PyTorch(…), with its parameters.")
    return answer


def packed(order: Any) -> Path:
    """The folder that would be sent, or the file if that is all; the lesson's own, wherever the kernel works."""
    return LESSONS / (order.source_dir or order.entry_point)


def told(order: Any) -> dict[str, str]:
    """The script's arguments, by name."""
    return {name: str(value) for name, value in sorted(order._hyperparameters.items())}


def unknown(order: Any, course: Course) -> str | None:
    """The hyperparameters that are no argument of the script."""
    arguments = re.findall(r'add_argument\("--([\w-]+)"', (NETWORK / "train.py").read_text("utf-8"))
    return ", ".join(sorted(set(told(order)) - set(arguments))) or None


CHECKS = {
    "frozen_line": Choice(
        solution="4",
        right="It throws the gradients away that line 3 has computed, so the optimizer has nothing to go by.",
        mistakes={
            "1": "Line 1 shuffles the people and cuts them into batches, and each batch makes a step.",
            "2": "Line 2 is the mean squared error of a batch, as in the lesson.",
            "3": "Line 3 stands where it has to: gradients are those of a loss, so the loss comes first.",
            "5": "Line 5 comes last, as it has to. What is left for it to work with?",
        },
        hints=(
            "The error stays where it began: no number of the network moves.",
            "An optimizer moves each number by its gradient. Follow the gradients from the line that computes them.",
            "Whoever wipes the board after the lecture and before anybody has read it has wiped too late.",
        ),
    ),
    "numbers_learned": Number(
        solution=lambda course: REGIONS * EMBEDDING + numbers(inputs(course)),
        tolerance=0.5,
        right="A table of regions, and for each unit one weight for each of its inputs and an intercept.",
        mistakes=[
            (lambda course: numbers(columns(course)), "That is the network with one-hot columns."),
            (
                lambda course: numbers(inputs(course)),
                "Those are the three layers. The numbers of the regions are learned, too.",
            ),
            (
                lambda course: REGIONS * EMBEDDING + numbers(inputs(course), intercepts=0),
                "Those are the weights and the regions. Every unit has an intercept besides.",
            ),
            (
                lambda course: EMBEDDING + numbers(inputs(course)),
                "Two numbers are learned for each region, not two in all.",
            ),
            (
                lambda course: sum(UNITS),
                "That is how many units there are. A unit has a weight for each of its inputs.",
            ),
        ],
        far=("The network learns more numbers than that.", "The network learns fewer numbers than that."),
        hints=(
            "Count the regions' numbers and each layer for itself, and add them up.",
            "A unit has as many weights as it has inputs, and one intercept.",
            "A layer of 3 units with 5 inputs learns 3 × (5 + 1) = 18 numbers.",
        ),
    ),
    "embedding_order": Found(
        look=order,
        faults=[
            (
                lambda order, course: type(order).__name__ if type(order).__name__ != "PyTorch" else None,
                "This is an order for {}, and the script needs PyTorch's image.",
            ),
            (
                lambda order, course: packed(order).name if not (packed(order) / "net.py").is_file() else None,
                "What would be sent is {} without net.py, which train.py imports.",
            ),
            (
                lambda order, course: (
                    order.entry_point if not (packed(order) / str(order.entry_point)).is_file() else None
                ),
                "In the folder that would be sent there is no {}: the entry point is named from inside that folder.",
            ),
            (unknown, "The script has no argument for {}, and ends when it is given one."),
            (
                lambda order, course: told(order).get("embedding") != ASKED["embedding"],
                "Nothing tells the script to give each region two numbers.",
            ),
            (
                lambda order, course: (
                    " ".join(f"--{name} {value}" for name, value in told(order).items())
                    if told(order) != ASKED
                    else None
                ),
                "The epochs and the seed of the order should stay, and the script would be given {}.",
            ),
        ],
        right="A folder is sent whole, so train.py finds what it imports, and it knows every argument.",
        hints=(
            "Without source_dir, only the file of the entry point is sent.",
            "The orders of step 5 show how source_dir and entry_point go together.",
            "Look for add_argument in train.py: a hyperparameter must be called exactly as the argument is.",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "c",
        {
            "a": "Its RMSE is the smaller one on these people, and the interval contains 0.",
            "b": "Its RMSE is the larger one on these people.",
            "c": "The interval contains 0: another draw of people may turn the order round.",
        },
    ),
    "question 2": Question(
        "b",
        {
            "a": "backward adds to what is there, and does not begin at 0.",
            "b": "Each step then goes by the sum of all batches so far.",
            "c": "PyTorch allows it, since some programs add up several batches on purpose.",
        },
    ),
    "question 3": Question(
        "a",
        {
            "a": "Whatever is chosen by the test set looks better on it than it is.",
            "b": "Its luck is part of that score, and does not come along.",
            "c": "The median, too, is found by looking at the test set.",
        },
    ),
}
