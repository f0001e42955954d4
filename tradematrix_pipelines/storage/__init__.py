"""Where candles and levels stay: the servers, the tables and their migrations, the IO manager."""
