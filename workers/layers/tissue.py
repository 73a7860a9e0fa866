"""Tissue: what each layer of the simulated skin reflects, before any optics."""

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.uint8]


def reflectivity(
    rng: np.random.Generator,
    labels: Labels,
    surface: Floats,
    corneum_bottom: Floats,
    junction: Floats,
) -> Floats:
    """Return the reflectivity (rows, columns), positive, arbitrary unit, 1 um a pixel."""
    depth = np.arange(labels.shape[0])[:, None]
    bright = np.full(labels.shape, rng.uniform(0.004, 0.02))
    corneum, epidermis, dermis = (labels == number for number in (1, 2, 3))
    bright[corneum] = _corneum(rng, depth - surface)[corneum]
    bright[epidermis] = _epidermis(rng, labels, corneum_bottom, junction)[epidermis]
    bright[dermis] = _dermis(rng, labels, depth - junction)[dermis]
    return np.asarray(np.maximum(bright, 1e-3), dtype=np.float64)


def clouds(rng: np.random.Generator, shape: tuple[int, ...], across: float, down: float) -> Floats:
    """Fractal noise of three octaves whose largest grain is ``down`` x ``across`` pixels."""
    rows, columns = shape[:2]
    total = np.zeros((rows, columns), np.float32)
    for octave in range(3):
        grid = (int(rows / down * 2**octave) + 2, int(columns / across * 2**octave) + 2)
        noise = rng.standard_normal(grid, dtype=np.float32)
        total += cv2.resize(noise, (columns, rows), interpolation=cv2.INTER_CUBIC) / 2**octave
    return total.astype(np.float64)


def _corneum(rng: np.random.Generator, below_surface: Floats) -> Floats:
    """Bright lamellae along the surface."""
    wave = below_surface * 2 * np.pi / rng.uniform(4, 9)
    ripple = 2 * clouds(rng, below_surface.shape, 60, 15)
    return np.asarray(rng.uniform(0.55, 1.2) * (1 + 0.5 * np.sin(wave + ripple)))


def _epidermis(
    rng: np.random.Generator, labels: Labels, corneum_bottom: Floats, junction: Floats
) -> Floats:
    """Mid-grey cytoplasm with dark nuclei: flat at the top, round near the junction."""
    cells = rng.spawn(1)[0]  # how many cells there are must not change other draws
    nuclei = np.zeros(labels.shape, np.float32)
    spacing = rng.uniform(9, 13)
    rows, columns = labels.shape
    for line, row in enumerate(np.arange(0, rows, spacing)):
        for column in np.arange((line % 2) * spacing / 2, columns, spacing * 1.15):
            y, x = int(row + cells.normal(0, 1.8)), int(column + cells.normal(0, 1.8))
            if 0 <= y < rows and 0 <= x < columns and labels[y, x] == 2:
                depth = (y - corneum_bottom[x]) / max(junction[x] - corneum_bottom[x], 1)
                axes = (
                    int(4.6 - 1.2 * depth + cells.uniform(0, 1.2)),
                    int(1.6 + 2.2 * depth + cells.uniform(0, 0.9)),
                )
                cv2.ellipse(nuclei, (x, y), axes, 0, 0, 360, 1.0, -1)
    nuclei = cv2.GaussianBlur(nuclei, (0, 0), 0.9).astype(np.float32)
    mottle = 1 + 0.35 * clouds(rng, labels.shape, 35, 25)
    return np.asarray(rng.uniform(0.16, 0.3) * (1 - rng.uniform(0.45, 0.85) * nuclei) * mottle)


def _dermis(rng: np.random.Generator, labels: Labels, below_junction: Floats) -> Floats:
    """Fibrous collagen under a thin dark line, with dark vessels."""
    fibres = clouds(rng, labels.shape, rng.uniform(25, 60), rng.uniform(3, 7))
    rise = 1 - np.exp(-(np.maximum(below_junction, 0) + 1) / rng.uniform(1, 10))
    line = 1 - 0.45 * np.exp(-((below_junction / rng.uniform(2, 6)) ** 2))
    collagen = rng.uniform(0.3, 0.75) * (1 + 0.55 * fibres) * rise * line
    rows, columns = labels.shape
    vessels = np.zeros(labels.shape, np.float32)
    for _ in range(rng.integers(3, 14)):
        centre = (int(rng.uniform(0, columns)), int(rng.uniform(0, rows)))
        axes = (int(rng.uniform(4, 16)), int(rng.uniform(3, 9)))
        cv2.ellipse(vessels, centre, axes, rng.uniform(0, 180), 0, 360, 1.0, -1)
    return np.asarray(collagen * (1 - 0.8 * cv2.GaussianBlur(vessels, (0, 0), 1.5)))
