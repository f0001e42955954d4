"""The morning page: what a trader wants to know before a session, as one HTML page that needs nothing else."""
