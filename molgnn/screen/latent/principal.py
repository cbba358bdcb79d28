"""The two directions in which vectors differ most (principal components)."""

import numpy as np


def principal(vectors: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """Coordinates (R, 2) of vectors (R, D), R and D >= 2, along their two directions of most
    variance, and the shares of all variance that lie there, 0 where all are the same. Each
    direction points where its largest entry is positive, so that a map is the same anywhere."""
    centred = vectors.astype(np.float64)
    centred -= centred.mean(axis=0)
    few = len(centred) < centred.shape[1]  # then the products of rows have the same components
    products = centred @ centred.T if few else centred.T @ centred
    values, found = np.linalg.eigh(products)
    values, found = np.maximum(values[:-3:-1], 0.0), found[:, :-3:-1]
    directions = centred.T @ found if few else found
    place = found * np.sqrt(values) if few else centred @ found
    largest = np.abs(directions).argmax(axis=0)
    signs = np.where(directions[largest, [0, 1]] < 0, -1.0, 1.0)
    total = np.trace(products)
    first, second = (values / total if total > 0 else values).tolist()
    return place * signs, (first, second)
