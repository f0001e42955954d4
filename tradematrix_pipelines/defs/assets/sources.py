"""What the candles come from, as the head of the lineage: vendors and table of symbols. Not materialized here."""

import dagster as dg

VENDOR = dg.AssetKey("vendor")
MARKET_SYMBOLS = dg.AssetKey("market_symbols")

vendor = dg.AssetSpec(
    VENDOR,
    description="Whoever serves bars: TRADEMATRIX_VENDOR, then TRADEMATRIX_FALLBACK_VENDORS.",
    group_name="sources",
    owners=["team:market-data"],
)
market_symbols = dg.AssetSpec(
    MARKET_SYMBOLS,
    description="The instruments: `tradematrix symbols` edits them, the symbols of the partitions follow.",
    group_name="sources",
    owners=["team:market-data"],
    kinds={"postgres"},
    metadata={"dagster/table_name": "public.market_symbols"},
)
