"""Factor plans that were measured to beat the rule in `plan`; written by `python -m bench.plans --write`."""

PLANS = {
}
ROWS = {
}
