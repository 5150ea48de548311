"""Publish pages with Wagtail in its best configuration and print the CPU of one: SQLite in WAL mode, search off.

Run by `bench_cpu.py` with a Python that has Wagtail (8.0.1 was used); not a part of the project's environment.

    python peer_wagtail.py FOLDER COUNT      prints {"cpu_ms": …, "wall_ms": …} per page
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

APPS = """wagtail.users wagtail.images wagtail.documents wagtail.admin wagtail taggit modelcluster
django.contrib.auth django.contrib.contenttypes django.contrib.sessions django.contrib.messages"""


def main() -> None:
    """Create, save a revision of, and publish *COUNT* pages, one after the other."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    _configure(folder)
    from django.core.management import call_command

    call_command("makemigrations", "notices", verbosity=0)
    call_command("migrate", verbosity=0)
    parent = _prepare()
    bodies = [_body(number) for number in range(count)]
    _publish(parent, -1, bodies[0])
    cpu, wall = time.process_time(), time.perf_counter()
    for number in range(count):
        _publish(parent, number, bodies[number])
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(json.dumps({"cpu_ms": cpu * 1000 / count, "wall_ms": wall * 1000 / count}))


def _configure(folder: Path) -> None:
    import django
    from django.conf import settings

    (folder / "notices" / "migrations").mkdir(parents=True, exist_ok=True)
    (folder / "notices" / "__init__.py").touch()
    (folder / "notices" / "migrations" / "__init__.py").touch()
    (folder / "notices" / "models.py").write_text(
        "from django.db import models\n"
        "from wagtail.fields import RichTextField\n"
        "from wagtail.models import Page\n"
        "class Notice(Page):\n"
        "    body = RichTextField()\n"
        "    document_number = models.CharField(max_length=200, blank=True)\n"
        "    search_auto_update = False\n",
        encoding="utf-8",
    )
    sys.path.insert(0, str(folder))
    options = {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"}
    settings.configure(
        SECRET_KEY="benchmark",
        INSTALLED_APPS=[*APPS.split(), "notices"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(folder / "wagtail.sqlite3"),
                "OPTIONS": options,
            }
        },
        USE_TZ=True,
        WAGTAILADMIN_BASE_URL="http://localhost",
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        WAGTAIL_SITE_NAME="bench",
        ROOT_URLCONF="notices",
        STATIC_URL="/static/",
    )
    django.setup()


def _prepare() -> object:
    from wagtail.models import Page

    return Page.objects.get(depth=2)


def _body(number: int) -> str:
    words = "石桥青禾道路封闭施工绕行车辆通告群众养老补贴学区划分预算公开"
    return "".join(f"<p>{words[number % 20 :]}{number}{words * 3}</p>" for _ in range(10))


def _publish(parent: object, number: int, body: str) -> None:
    from notices.models import Notice  # type: ignore[import-not-found]

    page = Notice(title=f"关于第{number}号事项的通告", slug=f"n{number}", body=body, live=False)
    parent.add_child(instance=page)  # type: ignore[attr-defined]
    page.save_revision().publish()


if __name__ == "__main__":
    main()
