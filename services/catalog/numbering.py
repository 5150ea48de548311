"""Index numbers 索引号: issued once by a configurable rule, never reused (Regulations Art. 12)."""

from __future__ import annotations

import string
from dataclasses import dataclass
from datetime import date

from shared.errors import Refused

FIELDS = ("department", "catalogue", "yyyy", "mm", "dd", "serial")


class BadIndexNumberRule(Refused):
    """索引号规则不对。 / The rule of index numbers is not usable."""


@dataclass(frozen=True)
class IndexNumberRule:
    """A template over `department`, `catalogue`, `yyyy`, `mm`, `dd` and `serial`, checked when it is read.

    `serial` counts per department and year, so a rule needs department, year and serial to be unique.
    """

    template: str

    def __post_init__(self) -> None:
        try:
            used = {
                name
                for _, name, _, _ in string.Formatter().parse(self.template)
                if name is not None
            }
            sample = self.number(
                department="transport", catalogue="notice", day=date(2026, 1, 2), serial=7
            )
        except (ValueError, KeyError, IndexError) as error:
            raise BadIndexNumberRule(
                f"GAZETTE_INDEX_NUMBER_RULE：{self.template!r}（{error}）。可用：{', '.join(FIELDS)}。 / "
                f"GAZETTE_INDEX_NUMBER_RULE: {self.template!r} ({error}); use {', '.join(FIELDS)}."
            ) from error
        lacking = {"department", "yyyy", "serial"} - used
        if lacking or len(sample) > 120:
            raise BadIndexNumberRule(
                f"规则须含 {', '.join(sorted(lacking))}，否则索引号会重复。 / "
                f"The rule needs {', '.join(sorted(lacking))}, or numbers would repeat."
            )

    def number(self, *, department: str, catalogue: str, day: date, serial: int) -> str:
        """Return the index number of the *serial*-th item of *department* in the year of *day*."""
        return self.template.format(
            department=department,
            catalogue=catalogue.replace(".", "-"),
            yyyy=f"{day.year:04d}",
            mm=f"{day.month:02d}",
            dd=f"{day.day:02d}",
            serial=serial,
        )
