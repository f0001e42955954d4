"""The resources of assets and ops: the market database, the vendors, the IO manager. Opened when a run starts."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from tradematrix_pipelines.defs.io_manager import PostgresIOManager
from tradematrix_pipelines.defs.retry_policy import run_without_retries
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.coverage import stored_sources
from tradematrix_pipelines.storage.credits import open_ledger
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.vendors.credits import Plan
from tradematrix_pipelines.vendors.protocol import Vendor
from tradematrix_pipelines.vendors.provenance import check_unmixed
from tradematrix_pipelines.vendors.registry import open_vendors, plan_in_force

IO_MANAGER = "postgres_io_manager"


def build_resources(settings: Settings) -> dict[str, dg.ResourceDefinition]:
    """Return the resources for these settings."""

    @dg.resource(description="The market database, migrated")
    def database(context: dg.InitResourceContext) -> Iterator[Database]:
        with run_without_retries(context), Database.open(settings) as opened:
            yield opened

    @dg.resource(description="Where candles come from, the preferred vendor first", required_resource_keys={"database"})
    def vendors(context: dg.InitResourceContext) -> Iterator[tuple[Vendor, ...]]:
        engine = _database(context).engine
        with run_without_retries(context):
            for name in (settings.vendor_name, *settings.fallback_vendors):
                check_unmixed(name, stored_sources(engine))
            with open_vendors(settings, ledger=open_ledger(engine, settings)) as opened:
                yield opened

    @dg.resource(description="The limits that the vendor's credits have")
    def plan(context: dg.InitResourceContext) -> Plan:
        with run_without_retries(context):
            return plan_in_force(settings)

    @dg.io_manager(description="Candles and levels in Postgres", required_resource_keys={"database"})
    def postgres_io_manager(context: dg.InitResourceContext) -> PostgresIOManager:
        return PostgresIOManager(_database(context))

    return {"database": database, "vendors": vendors, "plan": plan, IO_MANAGER: postgres_io_manager}


def _database(context: Any) -> Database:
    database: Database = context.resources.database
    return database
