"""The table of a long run: what was injected how often, and what the judge found."""

from faults.fault_run import Ended

COLUMNS = ("fault", "injected", "adopted", "candidates", "liquidated", "landings", "missed", "duplicates")


class FaultTable:
    """One row for every run, as Markdown."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, ...]] = []

    def add(self, fault: str, injected: int, missed_slots: int, ended: Ended) -> None:
        """Note one run."""
        report = ended.report
        landings = sum(log.count("Liquidation executed successfully") for log in ended.logs.values())
        figures = (injected, ended.adopted, report["liquidatable"], report["liquidated"], landings)
        verdict = (f"{report['missed']} (of {missed_slots} slots)", str(report["duplicates"]))
        self._rows.append((fault, *map(str, figures), *verdict))

    def lines(self) -> list[str]:
        """Return the table, nothing where nothing was run."""
        if not self._rows:
            return []
        return [_line(COLUMNS), _line(["---"] + ["---:"] * (len(COLUMNS) - 1)), *map(_line, self._rows)]


def _line(cells: "tuple[str, ...] | list[str]") -> str:
    return "| " + " | ".join(cells) + " |"
