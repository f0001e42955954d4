"""Where candles and levels are stored: tables and migrations, and the functions that read and write them."""
