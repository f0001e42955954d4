"""The decisions of the trading day: whom to pull, what has closed, what to ask for again, what somebody must know."""
