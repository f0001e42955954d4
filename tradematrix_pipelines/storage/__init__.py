"""Where candles and levels stay: tables and their migrations, and what is read from and written to them."""
