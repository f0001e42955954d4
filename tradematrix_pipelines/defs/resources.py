"""The resources of assets and ops: the market database, the vendors, the IO manager. Opened when a run starts."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
from pydantic import Field

from tradematrix_pipelines.defs.installation import installation
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


class DatabaseResource(dg.ConfigurableResource[Database]):
    """The market database, migrated."""

    settings: dg.ResourceDependency[Settings]

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Database]:
        """Open it for a run."""
        with run_without_retries(context), Database.open(self.settings) as opened:
            yield opened


class VendorsResource(dg.ConfigurableResource[tuple[Vendor, ...]]):
    """Where candles come from, the preferred vendor first."""

    settings: dg.ResourceDependency[Settings]
    database: dg.ResourceDependency[Database]

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[tuple[Vendor, ...]]:
        """Open them for a run, where real and simulated prices would not mix."""
        with run_without_retries(context):
            for name in (self.settings.vendor_name, *self.settings.fallback_vendors):
                check_unmixed(name, stored_sources(self.database.engine))
            with open_vendors(self.settings, ledger=open_ledger(self.database.engine, self.settings)) as opened:
                yield opened


class PlanResource(dg.ConfigurableResource[Plan]):
    """The limits of the vendor's credits."""

    settings: dg.ResourceDependency[Settings]

    def create_resource(self, context: dg.InitResourceContext) -> Plan:
        """Return the plan that the settings name."""
        with run_without_retries(context):
            return plan_in_force(self.settings)


def build_resources(settings: Settings) -> dict[str, Any]:
    """Return the resources for these settings."""

    class SettingsResource(dg.ConfigurableResource[Settings]):
        """The settings of this installation."""

        home: str = Field(description="Folder of the embedded server's data, logs and Dagster's files")

        def create_resource(self, context: dg.InitResourceContext) -> Settings:
            """Return them."""
            del context
            return settings

    # Configured at launch, though there is nothing to configure: any other resource would be opened once more for each
    # that depends on it.
    installed = SettingsResource.configure_at_launch(home=str(settings.home))
    database: Any = DatabaseResource.configure_at_launch(settings=installed)
    return {
        "settings": installed,
        "database": database,
        "vendors": VendorsResource.configure_at_launch(settings=installed, database=database),
        "plan": PlanResource.configure_at_launch(settings=installed),
        IO_MANAGER: PostgresIOManager(database=database),
    }


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of this module."""
    wanted = installation()
    return dg.Definitions(
        resources={**build_resources(wanted.settings), **wanted.resources},
        # One process a run: steps share memory, and starting an interpreter costs more than any step here.
        executor=dg.in_process_executor,
    )
