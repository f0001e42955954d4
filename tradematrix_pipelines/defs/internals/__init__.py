"""Code that uses Dagster's private names, and falls back to public ones or logs a warning where these have moved."""
