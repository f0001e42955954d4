"""PostgreSQL as a process: the embedded server, its leases, and where the databases are. No table is known here."""
