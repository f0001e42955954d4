"""The quick ways of reporting partitions to Dagster leave the same events as its public ones."""

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._utils.warnings import disable_dagster_warnings

from tradematrix_pipelines.defs.partition_results import PartitionResult, settle

DAYS = dg.StaticPartitionsDefinition(["mon", "tue", "wed"])
A, B = dg.AssetKey("a"), dg.AssetKey("b")
Seen = dict[tuple[str, str], dict[str, object]]


def materialize(results: dict[dg.AssetKey, dict[str, PartitionResult]]) -> tuple[bool, Seen]:
    """Run a step over all days that settles ``results``; return whether it succeeded, and what shows materialized."""

    class Manager(dg.IOManager):
        settled = False

        def handle_output(self, context: dg.OutputContext, obj: dg.AssetExecutionContext) -> Iterator[dg.DagsterEvent]:  # type: ignore[override]  # a generator of events
            if not self.settled:
                yield from settle(results, context=obj)
            self.settled = True

        def load_input(self, context: dg.InputContext) -> None:
            raise AssertionError

    @dg.multi_asset(
        specs=[dg.AssetSpec(key, partitions_def=DAYS).with_io_manager_key("manager") for key in (A, B)],
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def step(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[dg.AssetExecutionContext]]:
        for key in (A, B):
            yield dg.MaterializeResult(asset_key=key, metadata={"of": "the asset"}, value=context)

    tags = {"dagster/asset_partition_range_start": "mon", "dagster/asset_partition_range_end": "wed"}
    with dg.DagsterInstance.ephemeral() as instance, disable_dagster_warnings():
        done = dg.materialize(
            [step], resources={"manager": Manager()}, tags=tags, instance=instance, raise_on_error=False
        )
        seen = {
            (key.to_user_string(), str(record.asset_materialization.partition)): {
                name: value.value for name, value in record.asset_materialization.metadata.items()
            }
            for key in (A, B)
            for record in instance.fetch_materializations(key, limit=10).records
            if record.asset_materialization is not None
        }
        return done.success, seen


def good(*, rows: int) -> dict[str, PartitionResult]:
    return {day: PartitionResult(metadata={"rows": rows + n}) for n, day in enumerate(["mon", "tue", "wed"])}


@pytest.fixture(params=["quick", "public"])
def way(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """The quick way, and a Dagster whose internals have changed."""
    if request.param == "public":
        monkeypatch.delattr(dg.AssetExecutionContext, "get_step_execution_context")
    yield
    messages = [record.getMessage() for record in caplog.get_records("call")]
    assert any("one by one" in message for message in messages) == (request.param == "public")


@pytest.mark.usefixtures("way")
def test_good_partitions_have_their_own_metadata_beside_the_assets() -> None:
    success, seen = materialize({A: good(rows=10), B: good(rows=20)})
    assert success
    assert seen == {
        (asset, day): {"rows": rows + n, "of": "the asset"}
        for asset, rows in (("a", 10), ("b", 20))
        for n, day in enumerate(["mon", "tue", "wed"])
    }


@pytest.mark.usefixtures("way")
def test_only_the_good_ones_show_when_one_failed() -> None:
    success, seen = materialize({A: good(rows=10) | {"tue": PartitionResult(error="incomplete")}, B: good(rows=20)})
    assert not success
    assert seen == {
        ("a", "mon"): {"rows": 10},
        ("a", "wed"): {"rows": 12},
        ("b", "mon"): {"rows": 20},
        ("b", "tue"): {"rows": 21},
        ("b", "wed"): {"rows": 22},
    }
