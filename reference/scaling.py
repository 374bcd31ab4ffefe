"""How the scales of weights and rates follow widths and depths, so that networks of different sizes train alike.

A ratio of widths is that of a network to a base, at which rates and deviations were tuned: there all of them are as given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._registry import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import FromOne, Positive, Rate


# --- widths ----------------------------------------------------------------------------------------------------------------------------


@formula("scaling.mup.std")
def mup_std(std: Positive, width_ratio: Positive) -> tuple[Positive, Positive, Positive]:
    """Maximal update parametrization: the deviations of weights into the hidden layers, between them, and out of them.

        σ,   σ / √m,   σ / m

    Units: as std.  Source: Yang et al. 2022, table 3.
    """
    return std, std / np.sqrt(width_ratio), std / width_ratio


@formula("scaling.mup.adam")
def mup_adam_rates(lr: Rate, width_ratio: Positive) -> tuple[Rate, Rate, Rate]:
    """Maximal update parametrization: the rates of Adam for weights into the hidden layers and biases, between them, and out of them.

        η,   η / m,   η / m

    Units: as lr.  Source: Yang et al. 2022, table 3.
    """
    return lr, lr / width_ratio, lr / width_ratio


@formula("scaling.mup.sgd")
def mup_sgd_rates(lr: Rate, width_ratio: Positive) -> tuple[Rate, Rate, Rate]:
    """Maximal update parametrization: the rates of gradient descent for weights into the hidden layers and biases, between them, and out.

        η m,   η,   η / m

    Units: as lr.  Source: Yang et al. 2022, table 3.
    """
    return lr * width_ratio, lr, lr / width_ratio


@formula("scaling.spectral.std")
def spectral_std(fan_out: FromOne, fan_in: FromOne, *, gain: Positive = 1) -> Positive:
    """The deviation of normal weights whose largest singular value is about √(n_out/n_in): up to a factor from 1 to 2.

        σ = g / √n_in · min(1, √(n_out / n_in))

    Units: none.  Source: Yang et al. 2023, section 3.
    """
    return gain * np.sqrt(np.minimum(fan_out, fan_in)) / fan_in


@formula("scaling.spectral.rate")
def spectral_rate(lr: Rate, fan_out: FromOne, fan_in: FromOne) -> Rate:
    """The rate of gradient descent of a layer whose updates have a largest singular value of about √(n_out/n_in), as its weights have.

        η n_out / n_in

    Units: as lr.  Source: Yang et al. 2023, section 3.
    """
    return lr * fan_out / fan_in


# --- depths ----------------------------------------------------------------------------------------------------------------------------


@formula("scaling.deepnorm")
def deepnorm(layers: FromOne) -> tuple[Positive, Positive]:
    """DeepNorm of an encoder or a decoder alone: the factor of the residual path, x ← norm(α x + f(x)), and that of the weights in f.

        α = (2 N)^¼,   β = (8 N)^−¼

    Units: none.  Source: Wang et al. 2022, figure 2.
    """
    return np.sqrt(np.sqrt(2 * layers)), 1 / np.sqrt(np.sqrt(8 * layers))


@formula("scaling.deepnorm.encoder_decoder")
def deepnorm_of_two(encoder_layers: FromOne, decoder_layers: FromOne) -> tuple[Positive, Positive, Positive, Positive]:
    """DeepNorm of an encoder with N layers and a decoder with M: α and β of the one and of the other.

        α = .81 N^¼ M^(1/16),   β = .87 / (N^¼ M^(1/16));   α = (3 M)^¼,   β = (12 M)^−¼

    Units: none.  Source: Wang et al. 2022, figure 2.
    """
    root = np.sqrt(np.sqrt(encoder_layers * np.sqrt(np.sqrt(decoder_layers))))
    return root * 81 / 100, 1 / root * 87 / 100, np.sqrt(np.sqrt(3 * decoder_layers)), 1 / np.sqrt(np.sqrt(12 * decoder_layers))


@formula("scaling.t_fixup")
def t_fixup(layers: FromOne) -> tuple[Positive, Positive]:
    """T-Fixup: the factors of the weights of an encoder and of a decoder with N layers each, which train without warm-up and norms.

        .67 N^−¼,   (9 N)^−¼

    Units: none.  Source: Huang et al. 2020, section 3.2.
    """
    return 1 / np.sqrt(np.sqrt(layers)) * 67 / 100, 1 / np.sqrt(np.sqrt(9 * layers))
