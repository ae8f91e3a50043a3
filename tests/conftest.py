"""Switches that hold for every test: `make test-data` may not skip, and the folder of measured data."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

FAIL_ON_SKIP = "MOORAGE_FAIL_ON_SKIP"
DATA = "MOORAGE_DATA"

# Two cores shared with solver processes: a slow example says nothing about the property.
settings.register_profile("moorage", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("moorage")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where the caller said that nothing may be skipped."""
    report: pytest.TestReport = yield
    if os.environ.get(FAIL_ON_SKIP) == "1" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = (
            f"{item.nodeid} was skipped in {call.when}, and {FAIL_ON_SKIP}=1 forbids it: {report.longrepr}"
        )
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself while it is collected."""
    report: pytest.CollectReport = yield
    if os.environ.get(FAIL_ON_SKIP) == "1" and report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} skipped itself, and {FAIL_ON_SKIP}=1 forbids it"
    return report


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of measured traces and topologies; tests that ask for it carry the mark `data`."""
    folder = os.environ.get(DATA, "")
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"set {DATA} to the folder of measured data")
    return Path(folder)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are named by their place, not by their content: packed content may hold the time at which it was packed,
    and workers that collect in different seconds must find the same tests.
    """
    return argname if isinstance(val, bytes) else None
