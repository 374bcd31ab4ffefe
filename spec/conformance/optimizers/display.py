"""The equations of a convention, for display."""

from __future__ import annotations

from collections.abc import Mapping

from .conventions import AXES, Convention

VELOCITIES: Mapping[tuple[str, str], str] = {  # by the place of lr and the form, for a direction u
    ("inside", "none"): "v ← μ v − η u,   θ ← θ + v",
    ("outside", "none"): "v ← μ v + u,   θ ← θ − η v",
    ("inside", "lookahead"): "v ← μ v − η u,   θ ← θ + v",
    ("outside", "lookahead"): "v ← μ v + u,   θ ← θ − η v",
    ("inside", "shifted"): "v ← μ v − η u,   θ ← θ + μ v − η u",
    ("outside", "shifted"): "v ← μ v + u,   θ ← θ − η (u + μ v)",
    ("inside", "old-velocity"): "θ ← θ + μ² v − (1 + μ) η u,   v ← μ v − η u",
    ("outside", "old-velocity"): "θ ← θ − η (μ² v + (1 + μ) u),   v ← μ v + u",
    ("inside", "new-velocity"): "v ← μ v − η u,   θ ← θ + μ² v − (1 + μ) η u",
    ("outside", "new-velocity"): "v ← μ v + u,   θ ← θ − η (μ² v + (1 + μ) u)",
}
AHEAD = {"inside": "g = ∇f(θ + μ v)", "outside": "g = ∇f(θ − η μ v)"}
MEAN, SQUARES = "m ← β₁ m + (1 − β₁) g", "s ← β₂ s + (1 − β₂) g²"
MOMENTS: Mapping[str, tuple[str, ...]] = {
    "adagrad": ("s ← s + g²",),
    "rmsprop": (SQUARES,),
    "adam": (MEAN, SQUARES),
    "amsgrad": (MEAN, SQUARES),
    "nadam": (MEAN, SQUARES),
    "radam": (MEAN, SQUARES),
    "adamax": (MEAN,),
}
LENGTHS = "l∞ = 2 / (1 − β₂) − 1,   l = l∞ − 2 t β₂ᵗ / (1 − β₂ᵗ)"


def equations(c: Convention) -> str:
    """The equations, and what stands in the place of what."""
    lines = [AHEAD[c.lr_placement]] if c.nesterov_form == "lookahead" else []
    lines += lines_of(c)
    fed = dict.fromkeys(
        text for axis in ("dampening", "weight_decay", "bias_correction", "mistake") if (text := AXES[axis][getattr(c, axis)].fed)
    )
    return ",   ".join(lines) + (f"; with {'; '.join(fed)}" if fed else "")


def lines_of(c: Convention) -> list[str]:
    """The lines of a family."""
    if c.family == "sgd":
        return ["θ ← θ − η g"]
    if c.family in ("momentum", "nesterov"):
        plain = VELOCITIES[c.lr_placement, c.nesterov_form].replace("u", "g")
        return [plain if c.bias_correction == "none" else plain.removesuffix("v") + "v / (1 − μᵗ)"]
    if c.family == "adadelta":
        return adadelta(c)
    if c.family == "rprop":
        return rprop(c)
    start = [f"s₀ = {c.initial_second_moment.replace('eps', 'ε')}"] if c.initial_second_moment != "0" else []
    lines = [*start, *MOMENTS[c.family]]
    if c.family == "adam" and c.lr_placement == "inside":
        lines[0] = "m ← β₁ m + (1 − β₁) η g"
    if c.centered:
        lines.append("ḡ ← β₂ ḡ + (1 − β₂) g")
    if c.family == "amsgrad":
        lines.append("s⁺ ← max(s⁺, s)" if c.maximum == "raw" else "s⁺ ← max(s⁺, s / (1 − β₂ᵗ))")
    if c.family == "adamax":
        lines.append({"on-gradient": "s ← max(β₂ s, |g| + ε)", "on-decayed": "s ← max(β₂ s + ε, |g|)"}.get(c.eps, "s ← max(β₂ s, |g|)"))
    if c.family == "radam":
        lines += [LENGTHS, f"where l > {c.threshold}, else θ ← θ − η m / (1 − β₁ᵗ):"]
    direction = f"{numerator(c)} / {denominator(c)}"
    if c.has_velocity:
        return [*lines, f"u = {direction}", VELOCITIES[c.lr_placement, c.nesterov_form]]
    return [*lines, f"θ ← θ − {'' if c.lr_placement == 'inside' else 'η '}{direction}"]


def numerator(c: Convention) -> str:
    """What is divided."""
    weight = "" if c.bias_correction in ("none", "second-only") else " / (1 − β₁ᵗ)"
    if c.family in ("adagrad", "rmsprop"):
        return "g"
    if c.family == "nadam":
        if c.schedule == "simple":
            return "(β₁ m + (1 − β₁) g) / (1 − β₁ᵗ)"
        return "(β₁' m / (1 − ∏β₁ β₁') + (1 − β₁) g / (1 − ∏β₁))" if weight else "(β₁' m + (1 − β₁) g)"
    rectified = "√((l − 4) (l − 2) l∞ / ((l∞ − 4) (l∞ − 2) l)) " if c.family == "radam" else ""
    return f"{rectified}m{weight}"


def denominator(c: Convention) -> str:
    """What it is divided by."""
    if c.family == "adamax":
        return "(s + ε)" if c.eps == "outside" else "s"
    moment = "s⁺" if c.family == "amsgrad" else "s − ḡ²" if c.centered else "s"
    corrected = c.bias_correction not in ("none", "first-only") and c.maximum != "corrected"
    weight = " / (1 − β₂ᵗ)" if corrected else ""
    whole = f"({moment})" if c.centered and weight else moment
    root = f"√({whole}{weight})" if weight or c.centered else f"√{moment}"
    return {
        "outside": f"({root} + ε)",
        "inside": f"√({whole}{weight} + ε)",
        "inside-squared": f"√({whole}{weight} + ε²)",
        "hat": f"((√{moment} + ε) / √(1 − β₂ᵗ))",
        "hat-inside": f"√(({moment} + ε){weight})",
    }.get(c.eps, root)


def adadelta(c: Convention) -> list[str]:
    """Its two mean squares and its step."""
    ratio = "√(d + ε) / √(s + ε)" if c.eps == "inside" else "(√d + ε) / (√s + ε)"
    last = "θ ← θ + η Δ" if c.lr_placement == "outside" else "θ ← θ + Δ"
    return [SQUARES.replace("β₂", "ρ"), f"Δ = −{ratio} · g", "d ← ρ d + (1 − ρ) Δ²", last]


def rprop(c: Convention) -> list[str]:
    """Its sizes and its step."""
    flipped = {
        "plus": "where it flips: Δ ← −Δ, and the next step does not compare",
        "minus": "where it flips too",
        "improved-minus": "where it flips: Δ = 0, and the next step does not compare",
    }[c.variant]
    return ["δ ← min(η⁺ δ, δmax) where the sign of g is kept, max(η⁻ δ, δmin) where it flips", "Δ = −sign(g) δ", flipped, "θ ← θ + Δ"]
