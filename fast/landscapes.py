"""K-means, fast: `trainspec.reference.landscapes` says what each formula is; the results are within its rounding bound.

`out` takes the result, apart from the arguments; None stands for a fresh array. Where two centres are equally near but for rounding, either
may be taken for the nearest: at a tie in exact numbers it is the first.
"""

from ._clusters import cluster_means, lloyd, nearest_centres

__all__ = ["cluster_means", "lloyd", "nearest_centres"]
