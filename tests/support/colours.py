"""How colours look: to people who lack a kind of cones, and on the pages that lessons are read on."""

import numpy as np
from matplotlib.colors import to_rgb

LIGHT, DARK = "#ffffff", ("#111111", "#0d1117")  # the dark pages of JupyterLab and of GitHub
# Machado, Oliveira and Fernandes, "A physiologically-based model for simulation of color vision deficiency" (2009),
# severity 1.0: what people without red, green or blue cones see, in linear RGB.
SIGHT = {
    "usual": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
WHITE = [0.95047, 1, 1.08883]


def linear(colour: str) -> np.ndarray:
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(colour: str, sight: str) -> np.ndarray:
    """The colour in CIELAB, as somebody with this sight sees it."""
    x, y, z = np.array(XYZ) @ np.clip(np.array(SIGHT[sight]) @ linear(colour), 0, 1) / WHITE
    x, y, z = (np.cbrt(t) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116 for t in (x, y, z))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(one: str, other: str) -> float:
    """As WCAG computes it."""
    dark, light = sorted(float(np.array(XYZ[1]) @ linear(colour)) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)
