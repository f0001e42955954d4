"""What leans on Dagster's private names, and goes the public way, or says so, where these have moved."""
