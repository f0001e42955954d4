"""What follows from candles: daily levels and pivot points. Pure: no I/O, no Dagster, no database."""
