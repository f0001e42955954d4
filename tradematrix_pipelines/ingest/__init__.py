"""From vendors' bars to whole sessions of candles: what is asked of whom, and what becomes of the answers."""
