"""How good a model is: counts, ranking, calibration, and how sure one may be of each."""
