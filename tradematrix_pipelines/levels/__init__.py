"""What is computed from candles: daily levels and pivot points. Pure: no I/O, no Dagster, no database."""
