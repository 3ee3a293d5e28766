"""How strongly one alert is tied to another: a product of three decays, between 0 and 1.

    score = nearness in topology x nearness in time x words

Each factor is 1 for "as near as can be" and never rises as things move apart, so the score is
monotone in all three (a property that the tests hold it to).
"""

from incidents.ingest.grouping.types import Params


def near(hops: float, *, share: float, params: Params) -> float:
    """Nearness in topology; `share` is how much of that way speaks for this one cause."""
    return float(params.per_hop**hops) * share


def fade(minutes: float, half_life_min: float) -> float:
    """Nearness in time: half after each half-life."""
    return float(0.5 ** (abs(minutes) / half_life_min))


def words(likeness: float, weight: float) -> float:
    """Words can speak for `weight` of the score, and no more."""
    return 1.0 - weight * (1.0 - likeness)


def score(
    hops: float,
    minutes: float,
    likeness: float,
    *,
    params: Params,
    half_life_min: float,
    share: float = 1.0,
) -> float:
    """The tie between two alerts; 0 beyond the window."""
    if abs(minutes) > params.window_min:
        return 0.0
    return (
        near(hops, share=share, params=params)
        * fade(minutes, half_life_min)
        * words(likeness, params.words_weight)
    )
