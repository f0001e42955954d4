"""PostgreSQL as a process: the embedded server, who holds it, and where the databases are. No table is known here."""
