"""Dagster's side: partitions, assets, jobs, resources. Wiring only: candles and levels are defined elsewhere."""
