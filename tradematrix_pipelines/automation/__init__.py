"""The decisions of the trading day: what to pull, what has closed, what to fetch again. Pure."""
