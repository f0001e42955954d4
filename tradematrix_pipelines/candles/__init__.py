"""What a candle is: schema, screening, resampling, coverage. Pure: no I/O, no Dagster, no database."""
