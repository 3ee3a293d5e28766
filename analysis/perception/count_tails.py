"""How unusual a count or a share is, after what was counted before: upper tails, also of few.

Both take how much more the counts scatter than pure chance would have it (`scatter`, variance over
what a Poisson or binomial count has; 1 = pure chance), because operational events come in bursts.
"""

import math

import numpy as np
from scipy import special

WEEK_S = 7 * 86_400.0
_MAX_Z = 40.0


def chance_per_look(alarms_per_week: float, look_s: float) -> float:
    """The false-alarm probability of one look of `look_s` seconds that adds up to the knob."""
    return min(alarms_per_week * look_s / WEEK_S, 0.5)


def count_tail(count: int, *, mean: float, scatter: float) -> float:
    """P(at least `count`) where `mean` is expected: negative binomial, Poisson at scatter 1."""
    if count <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    if scatter <= 1.0 + 1e-9:
        return float(special.gammainc(count, mean))
    size = mean / (scatter - 1.0)
    return float(special.betainc(count, size, (scatter - 1.0) / scatter))


def count_limit(chance: float, *, mean: float, scatter: float) -> int:
    """The smallest count whose tail is at most `chance`."""
    low, high = 0, max(8, math.ceil(2 * mean))
    while count_tail(high, mean=mean, scatter=scatter) > chance:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if count_tail(middle, mean=mean, scatter=scatter) > chance:
            low = middle
        else:
            high = middle
    return high


def none_in(looks: int, *, mean: float, scatter: float) -> float:
    """P(no event in `looks` looks) where each expects `mean`."""
    if scatter <= 1.0 + 1e-9:
        return math.exp(-mean * looks)
    return float(math.exp(-looks * mean * math.log(scatter) / (scatter - 1.0)))


def share_tail(hits: float, of: float, *, hits_before: float, of_before: float) -> float:
    """P(at least `hits` of `of`) after `hits_before` of `of_before`: beta-binomial, Jeffreys prior.

    Not knowing the share exactly is part of it: after five calls without an error a single error
    is no news, after five thousand it is. Counts thinned for scatter are rounded to whole ones.
    """
    trials, least = max(round(of), 0), min(round(hits), round(of))
    if least <= 0:
        return 1.0
    a, b = hits_before + 0.5, max(of_before - hits_before, 0.0) + 0.5
    k = np.arange(least, trials + 1, dtype=np.float64)
    choose = special.gammaln(trials + 1) - special.gammaln(k + 1) - special.gammaln(trials - k + 1)
    log_p = choose + special.betaln(k + a, trials - k + b) - special.betaln(a, b)
    return float(min(np.exp(special.logsumexp(log_p)), 1.0))


def deviations(p_value: float) -> float:
    """The p-value as standard deviations of a normal distribution, at most 40."""
    if p_value <= 0.0:
        return _MAX_Z
    return float(np.clip(-special.ndtri_exp(math.log(p_value)), 0.0, _MAX_Z))
