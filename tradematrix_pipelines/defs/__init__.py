"""Dagster's side: partitions, assets, jobs, resources. Wiring only: what a candle or a level is lives further up."""
