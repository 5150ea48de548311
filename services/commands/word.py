"""What `gazette push` asks and shows about Word files: what was read, what is wrong, who reviewed it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Self

import typer
from rich.console import Console
from rich.table import Table

SUFFIXES = (".docx", ".doc", ".docm", ".wps")
_PANEL = "Word 文件 / Word files"


def _option(*names: str, words: str) -> Any:
    return typer.Option(*names, help=words, rich_help_panel=_PANEL)


Title = Annotated[str | None, _option("--title", words="标题 / title")]
DocumentNumber = Annotated[
    str | None, _option("--document-number", words="文号，如 禾政发〔2026〕12号 / document number")
]
IssuingBody = Annotated[str | None, _option("--issuing-body", words="发文机关 / issuing body")]
CoIssuers = Annotated[
    list[str] | None, _option("--co-issuer", words="联合发文机关，可多次 / joint issuers")
]
FormedOn = Annotated[str | None, _option("--formed-on", words="成文日期 YYYY-MM-DD / date made")]
Catalogue = Annotated[
    str | None, _option("--catalogue", words="目录事项代码，如 notice / catalogue entry")
]
Genre = Annotated[str | None, _option("--genre", words="体裁，如 notice / document type")]
Summary = Annotated[str | None, _option("--summary", words="一两句话的摘要 / summary")]
SourceId = Annotated[
    str | None, _option("--source-id", words="本单位编号；缺省取文件名 / default: the file's name")
]
Change = Annotated[str | None, _option("--change", words="major | minor")]
ChangeNote = Annotated[
    str | None, _option("--change-note", words="更正说明 / what was corrected, public")
]
Attach = Annotated[
    list[Path] | None, _option("--attach", words="另附的文件，可多次 / further attachments")
]
ReviewedBy = Annotated[str | None, _option("--reviewed-by", words="审核人 / who reviewed it")]
ClearedBy = Annotated[
    str | None, _option("--cleared-by", words="保密审查人 / who cleared it for the public")
]
Basis = Annotated[str | None, _option("--basis", words="保密审查依据 / basis of the clearance")]
Yes = Annotated[bool, _option("--yes", "-y", words="不再询问 / do not ask")]

LABELS = {
    "title": "标题 title",
    "issuing_body": "发文机关 issuing body",
    "co_issuers": "联合发文 joint issuers",
    "document_number": "文号 number",
    "formed_on": "成文日期 date made",
    "catalogue": "目录事项 entry",
    "genre": "体裁 type",
    "source_id": "编号 id",
}
_OPTIONS = {"co_issuers": "--co-issuer"}
_ONE = ("title", "document_number", "source_id", "summary")


def mount(program: typer.Typer) -> None:
    """Add nothing: the options belong to `gazette push`."""


class Desk:
    """Reads what is to be pushed and shows the clerk what its layout says; gives the room for its files back."""

    def __init__(
        self,
        console: Console,
        fields: Mapping[str, Any],
        source_id: str | None,
        attach: Sequence[Path],
        reviewed_by: str | None,
        cleared_by: str | None,
        basis: str | None,
        *,
        yes: bool,
    ) -> None:
        self._console = console
        self._fields = {name: value for name, value in fields.items() if value}
        self._source_id, self._attach = source_id, attach
        self._review = {"reviewed_by": reviewed_by, "cleared_by": cleared_by, "basis": basis}
        self._asks = not yes and sys.stdin.isatty() and sys.stdout.isatty()
        self._room = tempfile.TemporaryDirectory(prefix="gazette-push-")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._room.cleanup()

    def read(self, groups: Mapping[str, Sequence[Path]]) -> dict[str, list[Any]]:
        """Return the lines of every department; a Word file is shown, and with a terminal agreed to."""
        from services.sender.reading import read_paths

        self._judge([path for paths in groups.values() for path in paths])
        return {code: read_paths(paths, documents=self._document) for code, paths in groups.items()}

    def _judge(self, paths: Sequence[Path]) -> None:
        words = [path for path in paths if path.suffix.lower() in SUFFIXES]
        said = [*self._fields, *(["source_id"] if self._source_id else []), *map(str, self._attach)]
        if said and len(words) < len(paths):
            raise typer.BadParameter(
                "标题、文号等选项只用于 .docx；别的文件请写在文件里 / "
                "options for title, number and the like are for .docx only",
                param_hint=f"--{said[0].replace('_', '-')}",
            )
        if len(words) > 1 and (single := [name for name in said if name in _ONE]):
            raise typer.BadParameter(
                "一次只能用于一个文件 / can be given for one file only",
                param_hint=f"--{single[0].replace('_', '-')}",
            )
        for path in self._attach:
            if not path.is_file():
                raise typer.BadParameter(
                    f"没有文件 {path} / there is no {path}", param_hint="--attach"
                )

    def _document(self, path: Path) -> Any:
        from services.sender.documents import read_document

        document = read_document(path, Path(self._room.name), self._said())
        self._show(path, document)
        if self._asks:
            if not document.is_reviewed and not document.line.hold and self._ask_review():
                document = read_document(path, Path(self._room.name), self._said())
            if not typer.confirm("以上正确，现在报送 / All right, send it", default=True):
                self._console.print(
                    "没有报送。读错的项用选项改正，如 --title “…” --formed-on 2026-11-20 / "
                    "Nothing was sent. Mend a field with its option.",
                    highlight=False,
                )
                raise typer.Exit(1)
        return document.line

    def _said(self) -> Any:
        from services.sender.documents import BASIS, Said

        return Said(
            fields=self._fields,
            source_id=self._source_id,
            reviewed_by=self._review["reviewed_by"],
            cleared_by=self._review["cleared_by"],
            basis=self._review["basis"] or BASIS,
            attach=self._attach,
        )

    def _ask_review(self) -> bool:
        """Ask who reviewed the draft; an empty answer leaves it to the reviewers on the platform."""
        reviewed = typer.prompt(
            "审核人（不填则转平台审核）/ reviewed by", default="", show_default=False
        )
        if not reviewed.strip():
            return False
        cleared = typer.prompt("保密审查人 / cleared by", default=reviewed)
        self._review |= {"reviewed_by": reviewed.strip(), "cleared_by": cleared.strip()}
        return True

    def _show(self, path: Path, document: Any) -> None:
        table = Table(
            "项目 field", "内容 value", "出处 where", title=str(path), title_justify="left"
        )
        for fact in document.facts:
            option = _OPTIONS.get(fact.name, f"--{fact.name.replace('_', '-')}")
            nothing = f"[dim]没有读到，可用 {option} / not found[/dim]"
            table.add_row(LABELS[fact.name], _plain(fact.value) or nothing, fact.where)
        self._console.print(table)
        for note in _notes(document):
            self._console.print(note, highlight=False)


def _plain(text: str | None) -> str:
    from rich.markup import escape

    return escape(text or "")


def _notes(document: Any) -> list[str]:
    """Return what the clerk must know beside the fields, most serious first."""
    reading, notes = document.reading, []
    if reading.hold:
        changes, comments = reading.scrubbed.changes, reading.scrubbed.comments
        notes.append(
            f"[yellow]文件里有 {changes} 处修订、{comments} 条批注：不直接公开，转人工审核。要直接公开，请在 Word 中"
            "接受或拒绝全部修订、删去批注，保存后再报送。 / "
            f"It has {changes} tracked changes and {comments} comments: held for a person. "
            "Accept or reject the changes, delete the comments, save and push again.[/yellow]"
        )
    elif not document.is_reviewed:
        notes.append(
            "没有审核记录，将转人工审核；审过的请加 --reviewed-by 姓名 --cleared-by 姓名。 / "
            "No review is given, so it will be held; give --reviewed-by and --cleared-by."
        )
    if reading.left_out:
        left = "；".join(_plain(text) for text in reading.left_out)
        notes.append(f"[dim]不上网页、只在原件里 / only in the original: {left}[/dim]")
    if reading.scrubbed.hidden:
        notes.append(
            f"[yellow]去掉了 {reading.scrubbed.hidden} 处隐藏文字 / hidden text was taken out[/yellow]"
        )
    if reading.unshown_pictures:
        notes.append(
            f"[yellow]{reading.unshown_pictures} 张图片网页不能显示（EMF 等），请改为 PNG 或 JPG / "
            "pictures that no page can show; make them PNG or JPG[/yellow]"
        )
    return notes
