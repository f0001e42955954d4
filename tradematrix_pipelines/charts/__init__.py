"""Charts of candles and levels, as SVG for pages and as PNG for Dagster, from one scene. Pure."""
