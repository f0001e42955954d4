"""Where candles come from: Twelve Data, files, the simulator; what a call costs and what its answers mean."""
