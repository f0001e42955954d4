"""``tradematrix simulate``: the simulated vendor as a server of its own."""
