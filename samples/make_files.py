"""Make the attachments of the demo county 青禾县, the same bytes every time.

Run `python -m samples.make_files` after changing a form here; the files are committed. They carry no
author and one fixed time, so that a new run changes nothing and their SHA-256 stays.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import docx
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml.ns import qn
from docx.shared import Pt
from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

COUNTY = Path(__file__).parent / "qinghe"
MADE_AT = datetime(2026, 1, 5, 9, 0, 0)  # noqa: DTZ001  Office files hold naive times
_STAMP = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*(<)")

Row = Sequence[str | int]


@dataclass(frozen=True)
class Form:
    """A form to print and fill in: rows of label and (wide) blank, then notes."""

    title: str
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Sheet:
    """One sheet of a workbook: its title line, its head and its rows, in 万元."""

    name: str
    title: str
    head: tuple[str, ...]
    rows: tuple[Row, ...]


ALLOWANCE = Form(
    "青禾县高龄津贴申请表",
    (
        ("姓名", "", "性别", ""),
        ("出生日期", "", "联系电话", ""),
        ("公民身份号码", "", "社会保障卡开户行", ""),
        ("户籍地址", "", "现住地址", ""),
        ("代办人姓名", "", "与申请人关系", ""),
        ("年龄档次", "□80—89周岁　□90—99周岁　□100周岁以上", "是否需要上门", "□是　□否"),
        ("村（社区）核对意见", "", "乡镇审核意见", ""),
        ("县民政局确认意见", "", "从何月起发", ""),
    ),
    (
        "1. 带身份证、户口簿、社会保障卡，不用交复印件。",
        "2. 行动不便的老人，打电话给村（社区），工作人员上门办理。",
        "3. 村（社区）3个工作日、乡镇5个工作日、县民政局3个工作日内办结。",
        "4. 咨询电话：0551-60060018。本表不收费。",
    ),
)
REQUEST = Form(
    "青禾县政府信息公开申请表",
    (
        ("申请人类别", "□公民　□法人或者其他组织", "姓名或者名称", ""),
        ("证件名称", "", "证件号码", ""),
        ("联系电话", "", "电子邮箱", ""),
        ("通信地址", "", "申请日期", ""),
        ("所需信息的名称、文号或者特征", "", "所需信息的用途（可以不填）", ""),
        ("提供方式", "□纸质　□电子　□现场查阅", "领取方式", "□邮寄　□自取　□电子邮件"),
    ),
    (
        "1. 写字有困难的可以口头申请，由工作人员代为填写。",
        "2. 收到之日起20个工作日内答复；需要延长的最多再加20个工作日。",
        "3. 受理：县政府大楼203室，电话0551-60010012。",
    ),
)
ADMISSION = Form(
    "青禾县小学一年级入学登记表",
    (
        ("儿童姓名", "", "性别", ""),
        ("出生日期", "", "户籍地址", ""),
        ("现住地址", "", "住房情况", "□自有　□租赁　□其他"),
        ("监护人姓名", "", "联系电话", ""),
        ("预防接种查验", "□完成　□需补种", "是否随迁子女", "□是　□否"),
        ("学校审核意见", "", "登记日期", ""),
    ),
    ("1. 不会上网的家长填写本表交学校，由老师代报。", "2. 能通过数据共享核验的材料，不用提交。"),
)
OPINION = Form(
    "《青禾县住宅小区物业服务监督管理办法（征求意见稿）》意见反馈表",
    (
        ("姓名（可以不填）", "", "联系电话（可以不填）", ""),
        ("所在小区", "", "身份", "□业主　□租户　□物业企业　□其他"),
        ("针对第几条", "", "您的意见", ""),
        ("理由", "", "是否愿意参加座谈会", "□是　□否"),
    ),
    ("寄送：建设路9号312室物业管理股；电子邮件：wuye@qinghe.example；电话：0551-60080023。",),
)
OBJECTION = Form(
    "滨河北片区房屋征收补偿方案异议书",
    (
        ("被征收人姓名", "", "联系电话", ""),
        ("房屋坐落", "", "用途", "□住宅　□门面"),
        ("对哪一项有异议", "", "您的要求", ""),
        ("理由和证据", "", "是否要求听证", "□是　□否"),
        ("签名", "", "日期", ""),
    ),
    ("1. 公示期内交建设路21号207室或者东街社区服务站，当场给回执。", "2. 10个工作日内书面答复。"),
)
FORMS: dict[str, Form] = {
    "civil-affairs/files/高龄津贴申请表.docx": ALLOWANCE,
    "county-government/files/高龄津贴申请表.docx": ALLOWANCE,
    "county-government/files/政府信息公开申请表.docx": REQUEST,
    "education/files/小学一年级入学登记表.docx": ADMISSION,
    "housing/files/意见反馈表.docx": OPINION,
    "natural-resources/files/征收补偿方案异议书.docx": OBJECTION,
}

BUDGET = (
    Sheet(
        "一般公共预算收支",
        "表1　2026年一般公共预算收支总表（万元）",
        ("收入项目", "预算数", "支出项目", "预算数"),
        (
            ("税收收入", 86500, "一般公共预算支出", 396800),
            ("非税收入", 41500, "上解上级支出", 6600),
            ("上级补助收入", 238600, "地方政府一般债务还本", 9600),
            ("上年结转", 12400, "", ""),
            ("调入资金", 18000, "", ""),
            ("动用预算稳定调节基金", 6400, "", ""),
            ("地方政府一般债务转贷", 9600, "", ""),
            ("收入总计", 413000, "支出总计", 413000),
        ),
    ),
    Sheet(
        "一般公共预算支出",
        "表2　2026年一般公共预算支出表，按功能分类（万元）",
        ("科目", "预算数"),
        (
            ("一般公共服务", 32600),
            ("公共安全", 15800),
            ("教育", 92400),
            ("科学技术", 4300),
            ("文化旅游体育与传媒", 5200),
            ("社会保障和就业", 68900),
            ("卫生健康", 41700),
            ("节能环保", 8600),
            ("城乡社区", 19800),
            ("农林水", 56400),
            ("交通运输", 17900),
            ("资源勘探工业信息", 3800),
            ("商业服务业", 1600),
            ("自然资源海洋气象", 4100),
            ("住房保障", 10400),
            ("粮油物资储备", 1300),
            ("灾害防治及应急管理", 3900),
            ("预备费", 4000),
            ("债务付息", 4100),
            ("合计", 396800),
        ),
    ),
    Sheet(
        "政府性基金",
        "表3　2026年政府性基金预算收支表（万元）",
        ("收入项目", "预算数", "支出项目", "预算数"),
        (
            ("国有土地使用权出让", 91000, "政府性基金支出", 102500),
            ("城市基础设施配套费", 3200, "调出资金", 16000),
            ("污水处理费", 1800, "地方政府专项债务还本", 9500),
            ("上级补助收入", 2400, "结转下年", 12000),
            ("上年结转", 3600, "", ""),
            ("地方政府专项债务转贷", 38000, "", ""),
            ("总计", 140000, "总计", 140000),
        ),
    ),
    Sheet(
        "国有资本经营",
        "表4　2026年国有资本经营预算收支表（万元）",
        ("收入项目", "预算数", "支出项目", "预算数"),
        (
            ("利润收入、股利股息", 2600, "国有资本经营支出", 800),
            ("上级补助收入", 40, "调出到一般公共预算", 2000),
            ("上年结转", 160, "", ""),
            ("总计", 2800, "总计", 2800),
        ),
    ),
    Sheet(
        "社会保险基金",
        "表5　2026年社会保险基金预算收支表（万元）",
        ("险种", "收入", "支出", "当年结余"),
        (
            ("城乡居民基本养老保险", 26700, 22700, 4000),
            ("机关事业单位基本养老保险", 31600, 31200, 400),
            ("合计", 58300, 53900, 4400),
        ),
    ),
    Sheet(
        "三公经费",
        "表6　2026年“三公”经费预算表（万元）",
        ("项目", "2025年预算", "2026年预算", "增减"),
        (
            ("因公出国（境）", 0, 0, 0),
            ("公务接待", 446, 420, -26),
            ("公务用车购置", 198, 180, -18),
            ("公务用车运行维护", 882, 860, -22),
            ("合计", 1526, 1460, -66),
        ),
    ),
    Sheet(
        "政府债务",
        "表7　政府债务限额、余额和还本付息表（万元）",
        ("类别", "2025年限额", "2025年末余额", "2026年还本", "2026年付息"),
        (
            ("一般债务", 98200, 96700, 9600, 4100),
            ("专项债务", 246800, 243600, 9500, 7900),
            ("合计", 345000, 340300, 19100, 12000),
        ),
    ),
)


def form_bytes(form: Form) -> bytes:
    """Return *form* as a Word file."""
    document = docx.Document()
    normal = document.styles["Normal"]
    normal.font.size, normal.font.name = Pt(12), "宋体"
    normal.element.rPr.rFonts.set(qn("w:eastAsia"), "宋体")
    head = document.add_heading(form.title, level=1)
    head.alignment = WD_ALIGN_PARAGRAPH.CENTER
    table = document.add_table(rows=0, cols=4, style="Table Grid")
    for row in form.rows:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text
    for note in form.notes:
        document.add_paragraph(note)
    core = document.core_properties
    core.author, core.comments, core.title = "", "", form.title
    core.created = core.modified = MADE_AT
    out = io.BytesIO()
    document.save(out)
    return steady(out.getvalue())


def workbook_bytes(sheets: Sequence[Sheet]) -> bytes:
    """Return *sheets* as an Excel file."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for sheet in sheets:
        _fill(book, sheet)
    book.properties.creator = ""
    out = io.BytesIO()
    book.save(out)
    return steady(out.getvalue())


def _fill(book: Workbook, sheet: Sheet) -> None:
    page = book.create_sheet(sheet.name)
    page.append([sheet.title])
    page.merge_cells(start_row=1, start_column=1, end_row=1, end_column=len(sheet.head))
    page["A1"].font = Font(bold=True, size=14)
    page["A1"].alignment = Alignment(horizontal="center")
    page.append(list(sheet.head))
    for cell in page[2]:
        cell.font = Font(bold=True)
    for row in sheet.rows:
        page.append(list(row))
    for column in range(1, len(sheet.head) + 1):
        page.column_dimensions[get_column_letter(column)].width = 28 if column == 1 else 18


def steady(office_file: bytes) -> bytes:
    """Return the same Office file with one fixed time."""
    out = io.BytesIO()
    stamp = MADE_AT.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    with zipfile.ZipFile(io.BytesIO(office_file)) as old, zipfile.ZipFile(out, "w") as new:
        for name in sorted(old.namelist()):
            content = old.read(name)
            if name == "docProps/core.xml":
                content = _STAMP.sub(rb"\g<1>" + stamp + rb"\g<3>", content)
            entry = zipfile.ZipInfo(name, MADE_AT.timetuple()[:6])
            entry.external_attr = 0o644 << 16
            new.writestr(entry, content, zipfile.ZIP_DEFLATED, 9)
    return out.getvalue()


def made() -> dict[str, bytes]:
    """Return every attachment by its path below the county's folder."""
    files = {path: form_bytes(form) for path, form in FORMS.items()}
    return files | {"finance/files/青禾县2026年政府预算表.xlsx": workbook_bytes(BUDGET)}


def main() -> None:
    """Write the attachments into the county's folder."""
    for path, content in made().items():
        target = COUNTY / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


if __name__ == "__main__":
    main()
