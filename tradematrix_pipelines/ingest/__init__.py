"""From vendors' bars to whole sessions of candles: which vendor is asked for what, and how answers become batches."""
