"""The words of verdicts: every sentence that a result's message is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..loading import split_target
from ..result import Divergence, Fault, Mismatch, Mode, Option, Verdict, printable, short_repr

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
ALTERNATIVES = 3  # of an ambiguous verdict, so many are named
KEPT = {"hyper": "hyper-parameters", "state": "state", "scalars": "scalars", "products": "products of matrices"}
NOT_SHARDED = "Its step takes an array as a whole, as for a norm: of parts of an array it is another step, by design."
VERBS = {"holds": ("holds", "hold"), "refuted": ("is refuted", "are refuted"), "unknown": ("is undecided", "are undecided")}


def scientific(value: float) -> str:
    """Return a large number as people write it: 3·10⁸."""
    mantissa, _, exponent = f"{value:.0e}".partition("e")
    return f"{mantissa}·10{str(int(exponent)).translate(SUPERSCRIPTS)}"


def settings_text(settings: Mapping[str, Any]) -> str:
    """Return hyper-parameters in a sentence: momentum = 0.9, nesterov = True."""
    return ", ".join(
        f"{name} = {value:g}" if isinstance(value, float) else f"{name} = {short_repr(value)}" for name, value in settings.items()
    )


def subject_title(target: str, library: str, version: str) -> str:
    """Return the name of an implementation in a sentence: of a library, with its version."""
    if not version or not target.startswith(library):
        return printable(target, 200)
    return f"{target.replace(':', '.')} {version.partition('+')[0]}"


def convention_title(convention: Any) -> str:
    """Return a convention with its source."""
    return str(convention.name + (f" ({convention.source})" if convention.source else ""))


def details(faults: Iterable[Fault]) -> str:
    """Return the details of faults in a row."""
    return "; ".join(fault.detail for fault in faults)


def with_faults(title: str, message: str, faults: Iterable[Fault], *, verb: str = "misbehaves") -> str:
    """Return a message that says first how an implementation misbehaves."""
    return f"{title} {verb}: {details(faults)}. Apart from that it{message.removeprefix(title)}"


def bias_sentence(side: str, cases: int, probability: float) -> str:
    """Return that all errors are on one side, and how likely that is where a program rounds to nearest."""
    chance = f"an error probability of {probability:.0e} at most"
    return f"But it is biased: in all of {cases} cases its errors are {side}, and so they add up over many steps ({chance})."


def could_not_be_judged(title: str, fault: Fault) -> str:
    """Return the message on what could not be judged."""
    return f"{title} could not be judged: {as_sentence(fault.detail)}"


def as_sentence(text: str) -> str:
    """Return a text with the mark at the end of a sentence; a question keeps its own."""
    return text if text.endswith("?") else f"{text.rstrip('.')}."


def ordinal(number: int) -> str:
    """Return the number of an item in a row as a word, such as second."""
    words = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
    return words[number - 1] if number <= len(words) else f"{number}th"


# --- optimizers -------------------------------------------------------------------------------------------------------------------------


def convention_facts(convention: Any, measurement: Any, steps: int, runner_up: Any) -> str:
    """Return a convention with its source, the error, the number of steps and the distance of the runner-up."""
    facts = f"error {measurement.error_in_bounds:.2g} × bound over {steps} steps"
    if runner_up:
        facts += f"; next best ({runner_up.name}) is {scientific(runner_up.error_in_bounds)} × away"
    return f"{convention_title(convention)}: {facts}."


def optimizer_follows(title: str, facts: str, precision: str, values: Mapping[str, float]) -> str:
    """Return what an optimizer follows, and what it keeps in a narrower format, with the values that it uses then."""
    kept, _, dtype = precision.partition("-")
    used = f" ({', '.join(f'{name} = {value!r}' for name, value in values.items())})" if values else ""
    return f"{title} keeps its {KEPT[kept]} in {dtype}{used}; it follows {facts}" if dtype else f"{title} follows {facts}"


def in_single_precision(title: str, formula: str, error: Any, error_in_bounds: float) -> str:
    """Return that a function is its formula with the errors of float32."""
    return (
        f"{title} deviates from {formula}: its errors are as large as those of float32, {error.error_in_bounds:.2g} × the bound of float32 "
        f"over {error.cases} cases, and {scientific(error_in_bounds)} × that of float64."
    )


def optimizer_in_single_precision(title: str, measurement: Any, error_in_bounds: float, steps: int, others: list[str]) -> str:
    """Return that an optimizer is off a convention by errors of float32; it is measured in bounds of float32, and in those of float64."""
    message = (
        f"{title} follows no convention in float64. Its errors are as large as those of float32: over {steps} steps it is "
        f"{measurement.error_in_bounds:.2g} × the bound of float32, and {scientific(error_in_bounds)} × that of float64, off "
        f"{measurement.convention.name}. What causes them is not known."
    )
    return message + (f" {not_excluded(others)}" if others else "")


def within_rounding(words: str) -> str:
    """Return within which bound of a narrow format an implementation is."""
    return f"It is within the bound of what is {words}."


def not_excluded(names: list[str]) -> str:
    """Return which mistakes a bound does not tell apart from what is followed."""
    return f"That bound does not exclude {first_of(names)}."


def optimizer_deviates(title: str, facts: str, *, expected: str = "", ignored: Iterable[str] = ()) -> str:
    """Return the message of an optimizer that follows something else than is due."""
    unused = f"with {' and '.join(ignored)} " if ignored else ""
    return f"{title} deviates{f' from {expected}' if expected else ''}: {unused}it follows {facts}"


def optimizer_deviates_with_options(title: str, with_options: Iterable[str], facts: str) -> str:
    """Return the message of an optimizer that deviates once an option is on that is off by default."""
    return f"{title} deviates: {'; '.join(with_options)}. At its own settings it follows {facts}"


def optimizer_deviates_late(title: str, facts: str, steps: int, shape: tuple[int, ...] = ()) -> str:
    """Return the message of an optimizer that is right in short runs, or where arrays have few entries."""
    if shape:
        return f"{title} deviates with an array of shape {shape}, although with few entries it follows {facts}"
    return f"{title} deviates in a run of {steps} steps, although in short ones it follows {facts}"


def departure_sentence(departure: Any) -> str:
    """Return where an optimizer leaves its convention in a run of many steps or entries."""
    at = settings_text({name: value for name, value in departure.hyper.items() if value})
    came = departure.fault or f"{departure.got!r} where {departure.expected!r} is due"
    return f" At {at} it is lost in step {departure.step}, coordinate {departure.coordinate}: {came}."


def ambiguous(message: str, alternatives: list[Any], *, constant_lr: bool) -> str:
    """Return the message of an optimizer that may follow several conventions."""
    reason = "Its learning rate cannot be changed, and while it is constant" if constant_lr else "At these hyper-parameters"
    names = "; or ".join(convention.name for convention in alternatives[:ALTERNATIVES])
    return f"{message} {reason} the same steps are those of {names}."


AT_REST = " But at these hyper-parameters its steps are below rounding: one that never moves would do as well, so nothing is known of it."


def with_option(option: Option) -> str:
    """Return what an optimizer follows with an option on."""
    follows = f"follows {option.convention_name}" if option.convention_name else "follows no convention that has a name here"
    return f"with {settings_text(option.settings)} it {follows}"


def unused_sentence(unused: Iterable[str]) -> str:
    """Return which hyper-parameters change nothing; nothing where all matter."""
    names = " and ".join(unused)
    return f" It takes {names}, and does not use {'them' if ' and ' in names else 'it'}." if names else ""


def claim_sentence(name: str, formula: str) -> str:
    """Return that the name of an implementation says another formula than it follows."""
    return f" Its name says {name} ({formula}), from which it deviates."


def erratum_sentence(step: Any) -> str:
    """Return that an erratum prints what is followed, with its sources, the difference, and what is right."""
    sources = " and ".join(f"{source.key} {source.where}" for source in step.erratum.sources)
    return f" This is the form that {sources} prints, an error by erratum {step.erratum.id}: {step.words} Right is {step.erratum.correct}."


def modes_sentence(modes: Iterable[Mode], name: str) -> str:
    """Return how far each mode is from what is followed, and from the mode that it is furthest from."""
    return f" Modes, by their errors from {name}: {'; '.join(map(mode_facts, modes))}."


def with_wrong_modes(wrong: Iterable[str], message: str) -> str:
    """Return a message that says first in which modes an optimizer deviates."""
    return f"In {' and '.join(wrong)} it deviates: {message}"


def mode_facts(mode: Mode) -> str:
    """Return how far one mode is from what is followed and from the other modes, or why it could not be run."""
    if mode.error_in_bounds is None:
        return f"{mode.name} is refused ({mode.refusal.rstrip('.')})"
    facts = f"{mode.name} {mode.error_in_bounds:.2g} × bound"
    if not mode.furthest:
        return f"{facts}, the same bit for bit as the others"
    where = f"in step {mode.step}, coordinate {mode.coordinate} of {mode.array}"
    return f"{facts}, at most {mode.distance_in_bounds:.2g} × bound from {mode.furthest} ({where})"


def not_tried_sentence(not_tried: Iterable[str]) -> str:
    """Return what a verdict does not speak of; nothing where all was tried."""
    listed = "; ".join(not_tried)
    return f" Not tried: {listed}." if listed else ""


def deviation_of_arrays(difference: Any) -> str:
    """Return what an optimizer does otherwise to several arrays, or to one of another shape."""
    return f"with {difference.situation}, {difference.place} {difference.explanation or 'moves otherwise'}"


def optimizer_deviates_with_arrays(title: str, deviation: str, facts: str) -> str:
    """Return the message of an optimizer that is right for one vector only."""
    return f"{title} deviates: {deviation}. On one vector it follows {facts}"


def unmatched_optimizer(title: str) -> str:
    """Return the message of an optimizer that follows nothing known."""
    return f"{title} follows no convention that has a name here."


def taken_sentence(taken: Mapping[str, Any]) -> str:
    """Return the values that an optimizer was taken to have, which it does not state; nothing where it states all."""
    return f" It was taken to have {settings_text(taken)}; if it has another, say so." if taken else ""


def of_vectors_sentence(name: str | None) -> str:
    """Return what an optimizer follows that moves vectors otherwise than matrices, of which the verdict speaks."""
    return f" This is so of matrices; vectors follow {name or 'something that is not known'}."


def divergence_sentence(divergence: Divergence | None) -> str:
    """Return where an optimizer leaves a convention; nothing where it does not."""
    if divergence is None:
        return ""
    at = settings_text({name: value for name, value in divergence.hyperparameters.items() if value})
    why = f" Its {divergence.explained_by} is what differs." if divergence.explained_by else ""
    return (
        f" At {at} it leaves {divergence.name} in step {divergence.step}, coordinate {divergence.coordinate}: "
        f"{divergence.got!r} where {divergence.expected!r} is due.{why}"
    )


# --- functions --------------------------------------------------------------------------------------------------------------------------


def inferred_text(inferred: Mapping[str, Any]) -> str:
    """Return what was taken as built into a function."""
    known = {name: value for name, value in inferred.items() if value is not None}
    return f" with {settings_text(known)} built in" if known else ""


def with_left_parameters(title: str, message: str, left: Mapping[str, Any]) -> str:
    """Return a message that says first which parameters stayed at their defaults."""
    return f"{title}, with {settings_text(left)} as by default,{message.removeprefix(title)}"


def with_guessed_names(title: str, message: str, guessed: Mapping[str, str]) -> str:
    """Return a message that says first what parameters were taken as, where their names leave it open."""
    taken = ", ".join(f"{name} taken as {path}" for name, path in guessed.items())
    return f"{title}, with {taken},{message.removeprefix(title)}"


def other_names(names: Mapping[str, str]) -> str:
    """Return that with other names for its parameters a function is right."""
    options = " ".join(f"--names {name}={path}" for name, path in names.items())
    return f"But those names are guesses: with {options} it follows the formula."


def undecided_parameter(name: str, left: Mapping[str, Any], unbound: tuple[str, ...]) -> str:
    """Return why a parameter keeps a function from conforming, and what to say of it."""
    return (
        f"But {name} changes its results and was not varied: say what it is, as in --names {name}={unbound[0]}, "
        f"or that its value is meant, as in --set {name}={short_repr(left[name])}."
    )


def refuted(title: str, message: str, formula: str, names: Iterable[str]) -> str:
    """Return the message of a function that is right in all cases, while evidence about the formula is refuted."""
    return f"{title} deviates from {formula}: evidence is refuted ({', '.join(names)}), although in the cases it is right. {message}"


def not_decided(title: str, message: str, formula: str, names: Iterable[str]) -> str:
    """Return the message of a function that is right in all cases, while evidence about the formula is not decided."""
    return f"Whether {title} conforms to {formula} is open: evidence is not decided ({', '.join(names)}). {message}"


def mismatch_sentence(formula: str, mismatch: Mismatch | None) -> str:
    """Return where a function leaves a formula; nothing where it is not off."""
    if mismatch is None:
        return ""
    at = f", index {mismatch.index}" if mismatch.index else ""
    got, expected = f"{mismatch.got!r}", f"{mismatch.expected!r}"
    return f" It leaves {formula} in case {mismatch.case!r}, result {mismatch.output}{at}: {got} where {expected} is due."


def right_in_part(deviating: tuple[str, ...], cases: int, condition: tuple[str, bool] | None) -> str:
    """Return in how many cases a function is right, and in which it is wrong; nothing where it is right in none."""
    right = cases - len(deviating)
    if not right:
        return ""
    if condition:
        fact, is_wrong = condition
        return f", but it is right in {right} of {cases} cases: {'all but those where' if is_wrong else 'those where'} {fact}"
    named = ", ".join(repr(name) for name in deviating[:ALTERNATIVES])
    more = ", …" if len(deviating) > ALTERNATIVES else ""
    return f", but it is right in {right} of {cases} cases; wrong in {named}{more}"


def fit_facts(error: Any, runner_up: Any, cases: int = 0) -> str:
    """Return the error of a function, the number of cases, of how many if not of all, and the distance of the runner-up."""
    of = f" of {cases}" if error and cases > error.cases else ""
    facts = f"error {error.error_in_bounds:.2g} × bound over {error.cases}{of} cases" if error else ""
    return facts + (f"; next best ({runner_up[0]}) is {scientific(runner_up[1])} × away" if runner_up else "")


def draws_sentence(faults: Iterable[Fault]) -> str:
    """Return that an initializer draws from a generator of the process; nothing where it does not."""
    return "".join(f" A remark: {fault.detail}; a generator of its own would keep draws apart." for fault in faults)


def evidence_sentence(verdicts: Iterable[str]) -> str:
    """Return how many pieces of evidence hold, are refuted, or are undecided."""
    seen = list(verdicts)
    counts = {verdict: seen.count(verdict) for verdict in VERBS}
    return " and ".join(f"{count} {VERBS[verdict][count > 1]}" for verdict, count in counts.items() if count)


def first_of(names: list[str]) -> str:
    """Return the first of some names, and how many more there are."""
    more = len(names) - ALTERNATIVES
    return ", ".join(names[:ALTERNATIVES]) + (f", and {more} more" if more > 0 else "")


def verdict_order() -> list[Verdict]:
    """Return the verdicts from the best to the worst."""
    return [Verdict.CONFORMS, Verdict.IDENTIFIED, Verdict.AMBIGUOUS, Verdict.BIASED, Verdict.DEVIATES, Verdict.UNMATCHED, Verdict.ERROR]


def short_name(target: str) -> str:
    """Return the name within its module or file, or the module or file itself."""
    location, path = split_target(target)
    return path or location


def ranks_that_come_out(ranks: Mapping[Any, str], wanted: str) -> str:
    """Return the ranks of a batch whose rows come out in one way, as a list in words."""
    return " and ".join(str(rank) for rank, outcome in ranks.items() if outcome == wanted)


def ranks_sentence(ranks: Mapping[Any, str]) -> str:
    """Return at which ranks the rows of a batch come out otherwise than in a matrix; nothing where they do at none."""
    otherwise = ranks_that_come_out(ranks, "otherwise")
    return f" It is right for matrices: with a batch of rank {otherwise} its rows come out otherwise." if otherwise else ""


def refused_ranks(ranks: Mapping[Any, str]) -> str:
    """Return which ranks of a batch are refused with an error; nothing where none is."""
    refused = ranks_that_come_out(ranks, "refused")
    return f" It takes matrices: a batch of rank {refused} it refuses with an error." if refused else ""


def rows_deviate(subject: str, message: str, ranks: Mapping[Any, str], mixed_axes: Iterable[int]) -> str:
    """Return the message of a layer that is right for matrices only: at which ranks it is not, and along which axes it mixes rows."""
    otherwise = ranks_that_come_out(ranks, "otherwise")
    mixed = " and ".join(map(str, mixed_axes))
    along = f": it mixes rows along axis {mixed}, where only the last axis is due" if mixed else ""
    return (
        f"{subject} deviates: with a batch of rank {otherwise} its rows come out otherwise than in a matrix{along}. Of matrices: {message}"
    )
