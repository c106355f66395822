"""The long form is asked for by name (`-m faults`, or `make faults`); what it measured is printed as a table at the end."""

import pytest

from faults.fault_table import FaultTable

TABLE = pytest.StashKey[FaultTable]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "faults: one run of the cluster for every fault; deselected unless named with -m"
    )
    config.stash[TABLE] = FaultTable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "faults" in config.option.markexpr:
        return
    long = [item for item in items if item.get_closest_marker("faults")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in set(long)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    lines = config.stash[TABLE].lines()
    if lines:
        terminalreporter.section("faults")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture
def table(request: pytest.FixtureRequest) -> FaultTable:
    return request.config.stash[TABLE]
