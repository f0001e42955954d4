"""What is traded and when: symbols, timeframes, session calendars. Pure: no I/O, no Dagster, no database."""
