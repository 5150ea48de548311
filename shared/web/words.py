"""Every word of the frame in three languages, each written by hand: WORDS[key][language].

Simplified is the source; Traditional follows the usage of Taiwan (機關, 搜尋, 列印, 政策說明), English that of plain
government writing. Nothing here is converted by a program. `{…}` are places for values.
"""

from __future__ import annotations

from typing import TypeAlias

from shared.web.dates import Lang

Say: TypeAlias = dict[Lang, str]


def _w(hans: str, hant: str, en: str) -> Say:
    return {"zh-Hans": hans, "zh-Hant": hant, "en": en}


_FRAME = {
    "skip": _w("跳到正文", "跳到主要內容", "Skip to content"),
    "tools": _w("常用", "常用功能", "Tools"),
    "home": _w("首页", "首頁", "Home"),
    "search": _w("搜索", "搜尋", "Search"),
    "ask": _w("想问什么，直接输入", "想問什麼，直接輸入", "What do you want to know?"),
    "for-example": _w("例如：", "例如：", "For example:"),
    "you-are-here": _w("当前位置", "目前位置", "You are here"),
    "large": _w("大字", "大字", "Large type"),
    "contrast": _w("高对比", "高對比", "High contrast"),
    "print": _w("打印", "列印", "Print"),
    "organiser": _w("主办", "主辦", "Published by"),
    "operator": _w("承办", "承辦", "Run by"),
    "address": _w("地址", "地址", "Address"),
    "phone": _w("电话", "電話", "Phone"),
    "email": _w("电子邮箱", "電子郵件", "E-mail"),
    "office": _w("科室", "承辦單位", "Office"),
    "hours": _w("办公时间", "服務時間", "Hours"),
    "site-code": _w("网站标识码", "網站識別碼", "Site code"),
    "icp": _w("ICP备案", "ICP備案", "ICP filing"),
    "police": _w("公安备案", "公安備案", "Public security filing"),
    "party-mark": _w("党政机关标识", "黨政機關標識", "Government site mark"),
    "national-correction": _w(
        "政府网站找错", "政府網站糾錯（全國）", "Report a site error (national)"
    ),
    "site-map": _w("站点地图", "網站導覽", "Site map"),
    "accessibility": _w("无障碍声明", "無障礙聲明", "Accessibility"),
    "data": _w("数据与接口", "資料與介面", "Data and interfaces"),
    "about": _w("关于本站", "關於本站", "About this site"),
    "updated-to": _w(
        "更新至 {day}{time} 第 {n} 号",
        "更新至 {day}{time} 第 {n} 號",
        "Updated to {day}, {time}, no. {n}",
    ),
    "list-comma": _w("、", "、", ", "),
    "full-stop": _w("。", "。", "."),
}

_ENTRANCES = {
    "entrances": _w("政府信息公开", "政府資訊公開", "Disclosure"),
    "entrance-guide": _w("政府信息公开指南", "政府資訊公開指南", "Disclosure guide"),
    "entrance-guide-means": _w("怎么查，怎么要", "怎麼查，怎麼申請", "How to find and how to ask"),
    "entrance-guide-lead": _w(
        "公开指南说明公开哪些信息、放在哪里、怎样获取，以及由谁负责。",
        "公開指南說明公開哪些資訊、放在哪裡、如何取得，以及由哪個機關負責。",
        "The guide says what is disclosed, where it is, how to get it and who is responsible.",
    ),
    "entrance-guide-blank": _w(
        "公开指南还没有发布。", "公開指南尚未發布。", "The guide has not been published yet."
    ),
    "entrance-system": _w("政府信息公开制度", "政府資訊公開制度", "Disclosure rules"),
    "entrance-system-means": _w(
        "公开工作按什么规矩办", "公開工作依什麼規定辦理", "The rules this work follows"
    ),
    "entrance-system-lead": _w(
        "政府信息公开所依据的法规、规章和本地制度。",
        "政府資訊公開所依據的法規與本地制度。",
        "The laws, regulations and local rules that disclosure follows.",
    ),
    "entrance-system-blank": _w(
        "公开制度还没有单独发布。国家层面适用《中华人民共和国政府信息公开条例》（国务院令第711号）。",
        "公開制度尚未另行發布。全國適用《中華人民共和國政府信息公開條例》（國務院令第711號）。",
        "No local rules have been published. The Regulations on Open Government Information "
        "(State Council Order 711) apply.",
    ),
    "entrance-content": _w("法定主动公开内容", "法定主動公開內容", "Proactive disclosure"),
    "entrance-content-means": _w(
        "按目录查全部信息", "依目錄查全部資訊", "Everything, by catalogue"
    ),
    "entrance-content-lead": _w(
        "依法应当主动公开的全部事项。每项都标明信息条数和最近更新日期。",
        "依法應主動公開的全部事項，各項均標明資訊筆數與最近更新日期。",
        "Everything that must be disclosed without being asked for, with the number of items and the latest date.",
    ),
    "entrance-annual-reports": _w("政府信息公开年报", "政府資訊公開年報", "Annual reports"),
    "entrance-annual-reports-means": _w(
        "每年公开、答复了多少",
        "每年公開、答覆了多少",
        "What was disclosed, year by year",
    ),
    "entrance-annual-reports-lead": _w(
        "政府信息公开工作年度报告。部门每年1月31日前发布，县级以上地方人民政府每年3月31日前发布。",
        "政府資訊公開工作年度報告。各部門每年1月31日前發布，縣級以上地方政府每年3月31日前發布。",
        "Reports on the year's disclosure work: from departments by 31 January, from local governments by 31 March.",
    ),
    "entrance-annual-reports-blank": _w(
        "还没有发布年度报告。", "尚未發布年度報告。", "No annual report has been published yet."
    ),
    "entrance-on-application": _w("依申请公开", "申請提供政府資訊", "On request"),
    "entrance-on-application-means": _w(
        "没查到的，可以申请", "查不到的，可以申請", "Ask for what is not here"
    ),
    "entrance-on-application-lead": _w(
        "这里查不到、确实需要的政府信息，可以向制作或者保存它的机关申请。",
        "在此查不到而確有需要的政府資訊，可向製作或保存該資訊的機關申請。",
        "You can ask the body that made or keeps the information for what you do not find here.",
    ),
    "tell-us": _w("需要的话，请打电话问：", "如有需要，請來電詢問：", "If you need it, call:"),
    "how-to-apply": _w("怎样申请", "如何申請", "How to apply"),
    "where-to-apply": _w("向谁申请", "向哪個機關申請", "Where to apply"),
    "apply-1": _w(
        "写明申请人姓名或者名称、身份证明、联系方式，以及希望怎样收到答复。",
        "寫明申請人姓名或名稱、身分證明、聯絡方式，以及希望如何收到答覆。",
        "Give your name, proof of identity, how to reach you, and how you want the answer.",
    ),
    "apply-2": _w(
        "写明要什么：名称、文号，或者便于查找的其他特征。",
        "寫明需要什麼：名稱、文號，或便於查找的其他特徵。",
        "Say what you want: its name, reference number, or anything that helps to find it.",
    ),
    "apply-3": _w(
        "当面递交、邮寄或者按指南上的其他方式提交。",
        "親自遞交、郵寄，或依指南所列的其他方式提出。",
        "Hand it in, post it, or use another way named in the guide.",
    ),
    "apply-4": _w(
        "收到申请之日起20个工作日内答复；需要延长的，最多再延长20个工作日，并会告诉您。",
        "自收到申請之日起20個工作日內答覆；需要延長者，最多再延長20個工作日，並會告知您。",
        "You get an answer within 20 working days of receipt. If more time is needed, at most 20 working days "
        "more, you are told.",
    ),
    "rows-on-application": _w("可以申请的信息", "可以申請的資訊", "Information you can ask for"),
}

_HOME = {
    "emergency": _w("紧急信息", "緊急資訊", "Emergency"),
    "updated-at": _w("{time}更新", "{time}更新", "updated {time}"),
    "ongoing": _w("正在进行", "進行中", "Open now"),
    "latest": _w("最新公开", "最新公開", "Latest"),
    "n-more": _w("还有 {n} 项", "還有 {n} 項", "{n} more"),
    "all-items": _w("按日期查看全部信息", "依日期查看全部資訊", "All items by date"),
    "all-n-items": _w("按日期查看全部 {n} 条", "依日期查看全部 {n} 筆", "All {n} items by date"),
    "pairs": _w("政策与解读", "政策與說明", "Policies and explainers"),
    "by-department": _w("按部门", "依機關", "By body"),
    "by-entry": _w("按事项", "依事項", "By subject"),
    "by-year": _w("按年份", "依年份", "By year"),
    "all-departments": _w("全部 {n} 个", "全部 {n} 個", "All {n}"),
    "departments": _w("全部公开主体", "全部機關", "All bodies"),
    "corrections": _w("更正与撤回", "更正與撤回", "Corrections and withdrawals"),
    "all-corrections": _w(
        "查看全部更正与撤回", "查看全部更正與撤回", "All corrections and withdrawals"
    ),
    "corrections-lead": _w(
        "发布后改正的、撤回的，都列在这里，最新的在前。",
        "發布後更正或撤回者，均列於此，最新在前。",
        "What was corrected or withdrawn after publication, newest first.",
    ),
    "no-corrections": _w(
        "没有更正，也没有撤回。",
        "沒有更正，也沒有撤回。",
        "Nothing has been corrected or withdrawn.",
    ),
    "title-withheld": _w(
        "标题不再公开的信息", "標題不再公開的資訊", "An item whose title is no longer public"
    ),
    "nothing-yet": _w("还没有发布信息。", "尚未發布資訊。", "Nothing has been published yet."),
    "nothing-yet-department": _w(
        "{name}还没有发布信息。", "{name}尚未發布資訊。", "{name} has not published anything yet."
    ),
    "kind-government": _w("县政府及办公室", "縣政府及辦公室", "Government and its office"),
    "kind-bureau": _w("部门", "部門", "Departments"),
    "kind-township": _w("乡镇街道", "鄉鎮街道", "Townships and subdistricts"),
    "kind-village": _w("村和社区", "村里與社區", "Villages and communities"),
    "kind-institution": _w("公共企事业单位", "公用事業與公共機構", "Public institutions"),
    "n-items": _w("{n} 条", "{n} 筆", "{n} items"),
    "none-yet": _w("暂无", "尚無", "none yet"),
    "latest-on": _w("最近 {day}", "最近 {day}", "latest {day}"),
    "n-attachments": _w("附件 {n} 个", "附件 {n} 個", "attachments: {n}"),
    "part-of": _w("隶属", "隸屬", "Part of"),
    "bodies-below": _w("下属单位", "所屬單位", "Bodies below it"),
    "search-here": _w("在这里搜索", "在此搜尋", "Search here"),
    "newer": _w("后一段", "後一段", "Newer:"),
    "older": _w("前一段", "前一段", "Older:"),
    "neighbours": _w("前后时段", "前後時段", "Neighbouring periods"),
    "calendar": _w("按日期", "依日期", "By date"),
    "part-n": _w("第 {n} 部分", "第 {n} 部分", "Part {n}"),
    "more-pages": _w("其他页面", "其他頁面", "Other pages"),
    "subscribe": _w("订阅", "訂閱", "Subscribe"),
    "subscribe-mail": _w("用邮件订阅", "以電子郵件訂閱", "Subscribe by e-mail"),
    "subscribe-site-means": _w(
        "有新信息、更正或者撤回，发邮件告诉您。可以只订一个部门、一类事项，随时退订。",
        "有新資訊、更正或撤回時，以電子郵件通知您。可只訂一個機關或一類事項，隨時可取消訂閱。",
        "We write to you when something is published, corrected or withdrawn. Choose one body or one subject; "
        "leave at any time.",
    ),
    "subscribe-means": _w(
        "「{what}」有新信息、更正或者撤回，发邮件告诉您，随时退订。",
        "「{what}」有新資訊、更正或撤回時，以電子郵件通知您，隨時可取消訂閱。",
        "We write to you when {what} publishes, corrects or withdraws something; leave at any time.",
    ),
    "subscribe-department": _w("订阅本部门", "訂閱本機關", "Subscribe to this body"),
}

_BADGES = {
    "badge-explained": _w("有解读", "有說明", "Explained"),
    "badge-explainer": _w("解读", "說明", "Explainer"),
    "badge-corrected": _w("已更正", "已更正", "Corrected"),
    "badge-withdrawn": _w("已撤回", "已撤回", "Withdrawn"),
    "badge-gone": _w("已删除", "已移除", "Removed"),
    "badge-redirect": _w("已移动", "已移動", "Moved"),
    "badge-vanish": _w("已依法撤除", "已依法移除", "Removed by law"),
    "badge-amended": _w("已修改", "已修正", "Amended"),
    "badge-repealed": _w("已废止", "已廢止", "Repealed"),
    "badge-expired": _w("已失效", "失效", "Expired"),
    "badge-on_application": _w("依申请公开", "申請提供", "On request"),
    "badge-ongoing": _w("进行中", "進行中", "Open now"),
    "badge-closed": _w("已结束", "已結束", "Closed"),
}

_CATALOGUE = {
    "basis": _w("公开依据：", "公開依據：", "Legal basis:"),
    "frequency": _w("更新频率：", "更新頻率：", "Updated:"),
    "limit-days": _w(
        "公开时限：{n} 个工作日内", "公開時限：{n} 個工作日內", "Time limit: {n} working days"
    ),
    "limit-hours": _w("公开时限：{n} 小时内", "公開時限：{n} 小時內", "Time limit: {n} hours"),
    "frequency-real_time": _w("实时", "即時", "as it happens"),
    "frequency-weekly": _w("每周", "每週", "weekly"),
    "frequency-biweekly": _w("每两周", "每兩週", "every two weeks"),
    "frequency-monthly": _w("每月", "每月", "monthly"),
    "frequency-quarterly": _w("每季度", "每季", "quarterly"),
    "frequency-yearly": _w("每年", "每年", "yearly"),
    "frequency-on_change": _w("有变动时", "有變動時", "when it changes"),
    "frequency-as_promised": _w("按承诺", "依承諾", "as promised"),
    "responsible": _w("经办：", "承辦：", "Contact:"),
    "responsible-head": _w("负责人", "負責人", "Head"),
    "responsible-deputy": _w("分管负责人", "分管負責人", "Deputy"),
    "responsible-clerk": _w("经办人", "承辦人", "Clerk"),
    "blank-title": _w("这一项还没有信息", "此事項尚無資訊", "Nothing here yet"),
    "blank-due": _w(
        "应当在{day}前更新，还没有更新。",
        "應於{day}前更新，尚未更新。",
        "It was due by {day} and has not been published.",
    ),
    "blank-no-due": _w(
        "更新频率为{frequency}，目前没有应当公开的信息，或者还没有发布。",
        "更新頻率為{frequency}，目前沒有應公開的資訊，或尚未發布。",
        "It is updated {frequency}. There is nothing to disclose now, or it has not been published.",
    ),
    "blank-responsible": _w("由{name}负责。", "由{name}負責。", "{name} is responsible."),
}

_ITEM = {
    "at-a-glance": _w("一看就懂", "重點一覽", "At a glance"),
    "fact-what": _w("什么事", "什麼事", "What"),
    "fact-when": _w("什么时候", "什麼時候", "When"),
    "fact-where": _w("在哪里", "在哪裡", "Where"),
    "fact-who": _w("涉及谁", "涉及誰", "Who"),
    "fact-how": _w("怎么办", "怎麼辦", "What to do"),
    "fact-ask": _w("问谁", "問誰", "Whom to ask"),
    "fill-in": _w("填写 {forms}", "填寫 {forms}", "Fill in {forms}"),
    "from-to": _w("{begin}至{end}", "{begin}至{end}", "{begin} to {end}"),
    "until": _w("到{end}为止", "至{end}止", "until {end}"),
    "since": _w("从{begin}起", "自{begin}起", "from {begin}"),
    "published": _w("发布", "發布", "Published"),
    "updated": _w("更新", "更新", "Updated"),
    "version-n": _w("第 {n} 版", "第 {n} 版", "Version {n}"),
    "version": _w("版本", "版本", "Version"),
    "has-explainer": _w("有政策解读", "有政策說明", "Explainer"),
    "record": _w("公开要素", "公開要素", "Record"),
    "index-number": _w("索引号", "索引號", "File no."),
    "topic": _w("主题分类", "主題分類", "Topic"),
    "issuing-body": _w("发文机关", "發文機關", "Issued by"),
    "document-number": _w("发文字号", "發文字號", "Reference no."),
    "formed-on": _w("成文日期", "成文日期", "Date made"),
    "published-on": _w("发布日期", "發布日期", "Published"),
    "first-published": _w(
        "{day}（{moved} 迁入）", "{day}（{moved} 遷入）", "{day} (brought in {moved})"
    ),
    "category": _w("公开类别", "公開類別", "Category"),
    "disclosure": _w("公开方式", "公開方式", "Disclosure"),
    "proactive": _w("主动公开", "主動公開", "Proactive"),
    "on-application": _w("依申请公开", "申請提供", "On request"),
    "genre": _w("体裁", "體裁", "Document type"),
    "validity": _w("有效性", "效力", "Status"),
    "validity-in_force": _w("有效", "現行", "In force"),
    "validity-amended": _w("已修改", "已修正", "Amended"),
    "validity-repealed": _w("已废止", "已廢止", "Repealed"),
    "validity-expired": _w("已失效", "失效", "Expired"),
    "effective-on": _w("施行日期", "施行日期", "In force from"),
    "expires-on": _w("失效日期", "失效日期", "Expires"),
    "department": _w("公开主体", "公開主體", "Body"),
    "responsible-office": _w("责任科室", "承辦單位", "Office"),
    "source": _w("信息来源", "資訊來源", "Source"),
    "contents": _w("目录", "目次", "Contents"),
    "table-n": _w("表 {n}", "表 {n}", "Table {n}"),
    "attachments": _w("附件", "附件", "Attachments"),
    "role-original": _w("原件", "原件", "original"),
    "role-form": _w("表格，可填写", "表單，可填寫", "form"),
    "role-image": _w("图片", "圖片", "picture"),
    "role-video": _w("视频", "影片", "video"),
    "role-audio": _w("音频", "音訊", "audio"),
    "role-data": _w("数据", "資料", "data"),
    "apply-here": _w(
        "这条信息依申请公开：这里列出它的名称和基本要素，内容可以向公开主体申请。",
        "本則資訊依申請提供：此處列出名稱與基本要素，內容可向該機關申請。",
        "This information is given on request: its name and main data are listed here, the content can be asked for.",
    ),
    "versions": _w("版本", "版本", "Versions"),
    "current-version": _w("现行", "現行", "current"),
    "sealed": _w("这一版已封存，不再公开。", "此版本已封存，不再公開。", "This version is sealed."),
    "compare": _w("与第 {n} 版比较", "與第 {n} 版比較", "Compare with version {n}"),
    "cite": _w("引用与核验", "引用與查驗", "Cite and verify"),
    "permanent-link": _w("永久链接", "永久連結", "Permanent link"),
    "qr": _w("扫码打开", "掃描開啟", "Scan to open"),
    "qr-title": _w("永久链接的二维码", "永久連結的QR碼", "QR code of the permanent link"),
    "machine-readable": _w("机器可读", "機器可讀", "Machine-readable"),
    "sequence": _w("发布序号", "發布序號", "Publication no."),
    "delivery": _w("送达", "送達", "Delivery"),
    "delivery-link": _w(
        "何时收到、上网、可以搜到、发出通知",
        "何時收到、上網、可搜尋、發出通知",
        "When it was received, online, searchable, and notified",
    ),
    "page-correction": _w("本页纠错", "頁面勘誤", "Report an error on this page"),
    "page-correction-subject": _w(
        "本页纠错：{title}", "頁面勘誤：{title}", "Error on page: {title}"
    ),
}

_RELATED = {
    "related": _w("相关信息", "相關資訊", "Related"),
    "rel-explained-by": _w("政策解读", "政策說明", "Explainers"),
    "rel-interprets": _w("解读的政策", "說明的政策", "Explains"),
    "rel-replaced-by": _w("被取代", "被取代", "Replaced by"),
    "rel-repealed-by": _w("被废止", "被廢止", "Repealed by"),
    "rel-amended-by": _w("被修改", "被修正", "Amended by"),
    "rel-replaces": _w("取代", "取代", "Replaces"),
    "rel-repeals": _w("废止", "廢止", "Repeals"),
    "rel-amends": _w("修改", "修正", "Amends"),
    "rel-related": _w("相关", "相關", "Related"),
}

_STATUS = {
    "open-now": _w("进行中", "進行中", "Open now"),
    "not-yet-open": _w("尚未开始", "尚未開始", "Not open yet"),
    "over": _w("已结束", "已結束", "Closed"),
    "period-notice": _w("公示期", "公示期", "Notice period"),
    "period-objection": _w("异议期", "異議期", "Objection period"),
    "period-consultation": _w("征求意见", "意見徵詢", "Consultation"),
    "period-application": _w("申请办理", "申請辦理", "Applications"),
    "period-event": _w("起止时间", "起訖時間", "Dates"),
    "days-left": _w("还剩 {n} 天", "還剩 {n} 天", "{n} days left"),
    "one-day-left": _w("还剩 1 天", "還剩 1 天", "1 day left"),
    "closes-today": _w("今天截止", "今天截止", "closes today"),
    "closes-today-at": _w("今天 {time} 截止", "今天 {time} 截止", "closes today at {time}"),
    "strip-open": _w(
        "{kind}，{end}截止，{left}。",
        "{kind}，{end}截止，{left}。",
        "{kind} until {end}, {left}.",
    ),
    "strip-open-event": _w("{end}结束，{left}。", "{end}結束，{left}。", "Until {end}, {left}."),
    "strip-pending": _w("{kind}从{begin}开始。", "{kind}自{begin}開始。", "{kind} from {begin}."),
    "strip-over": _w("{kind}已于{end}结束。", "{kind}已於{end}結束。", "{kind} closed on {end}."),
    "strip-corrected-label": _w("已更正", "已更正", "Corrected"),
    "strip-corrected": _w(
        "{day}第 {n} 版：{note}", "{day}第 {n} 版：{note}", "Version {n}, {day}: {note}"
    ),
    "strip-updated-label": _w("有更新", "有更新", "Updated"),
    "strip-updated": _w(
        "{day}第 {n} 版：{note}", "{day}第 {n} 版：{note}", "Version {n}, {day}: {note}"
    ),
    "strip-apply": _w(
        "内容需要申请。{link}", "內容須申請。{link}", "The content is given on request. {link}"
    ),
    "strip-repealed-by": _w(
        "本文件已被{by}废止", "本文件已被{by}廢止", "This document was repealed by {by}"
    ),
    "strip-replaced-by": _w(
        "本文件已被{by}取代", "本文件已被{by}取代", "This document was replaced by {by}"
    ),
    "strip-repealed-says": _w(
        "{by}规定废止本文件", "{by}規定廢止本文件", "{by} repeals this document"
    ),
    "strip-replaced-says": _w("{by}取代本文件", "{by}取代本文件", "{by} replaces this document"),
    "label-repealed": _w("已废止", "已廢止", "Repealed"),
    "label-replaced": _w("已废止", "已廢止", "Repealed"),
    "label-repealed-says": _w("有新规定", "有新規定", "Newer rules"),
    "label-replaced-says": _w("有新规定", "有新規定", "Newer rules"),
    "strip-from": _w("，自{day}起。", "，自{day}起。", ", from {day}."),
    "strip-repealed": _w("本文件已废止。", "本文件已廢止。", "This document has been repealed."),
    "strip-repealed-on": _w(
        "本文件已于{day}废止。", "本文件已於{day}廢止。", "This document was repealed on {day}."
    ),
    "strip-expired": _w("本文件已失效。", "本文件已失效。", "This document has expired."),
    "strip-expired-on": _w(
        "本文件已于{day}失效。", "本文件已於{day}失效。", "This document expired on {day}."
    ),
    "strip-amended-by": _w(
        "本文件已被{by}修改。", "本文件已被{by}修正。", "This document was amended by {by}."
    ),
    "strip-amended": _w("本文件已修改。", "本文件已修正。", "This document has been amended."),
}

_VERSION = {
    "title-version": _w("（第 {n} 版）", "（第 {n} 版）", " (version {n})"),
    "version-of": _w("第 {n} 版，{time}", "第 {n} 版，{time}", "version {n}, {time}"),
    "banner-old": _w(
        "这是旧版，内容可能已经改变。{link}",
        "這是舊版，內容可能已經改變。{link}",
        "This is an old version; its content may have changed. {link}",
    ),
    "banner-old-link": _w("看现行版", "看現行版", "See the current version"),
    "banner-current": _w(
        "这是现行版。{link}", "這是現行版。{link}", "This is the current version. {link}"
    ),
    "banner-current-link": _w("回到信息页", "回到資訊頁", "Back to the item"),
    "compared": _w("与第 {n} 版比较", "與第 {n} 版比較", "Compared with version {n}"),
    "change-note": _w("更正说明：", "更正說明：", "Change note: "),
    "n-changes": _w("正文改动 {n} 处", "內文改動 {n} 處", "Changes in the text: {n}"),
    "no-changes": _w("正文没有改动。", "內文沒有改動。", "The text did not change."),
    "change-n": _w("第 {n} 处", "第 {n} 處", "change {n}"),
    "changed-fields": _w("改动的要素", "改動的要素", "Changed data"),
    "show-changes": _w("在正文里标出改动", "在內文標示改動", "Mark the changes in the text"),
    "inserted": _w("（新增开始）", "（新增開始）", "(insertion begins)"),
    "inserted-end": _w("（新增结束）", "（新增結束）", "(insertion ends)"),
    "deleted": _w("（删除开始）", "（刪除開始）", "(deletion begins)"),
    "deleted-end": _w("（删除结束）", "（刪除結束）", "(deletion ends)"),
    "title-field": _w("标题", "標題", "Title"),
}

_NOTICE = {
    "state-withdrawn": _w("已撤回", "已撤回", "Withdrawn"),
    "state-gone": _w("已删除", "已移除", "Removed"),
    "state-redirect": _w("已移动", "已移動", "Moved"),
    "state-vanish": _w("已依法撤除", "已依法移除", "Removed by law"),
    "notice-withdrawn": _w(
        "{name}于{day}撤回了这条信息。",
        "{name}於{day}撤回本則資訊。",
        "{name} withdrew this item on {day}.",
    ),
    "notice-gone": _w(
        "{name}于{day}删除了这条信息。",
        "{name}於{day}移除本則資訊。",
        "{name} removed this item on {day}.",
    ),
    "notice-redirect": _w("这条信息已移到别处。", "本則資訊已移至他處。", "This item has moved."),
    "notice-vanish": _w(
        "{name}于{day}依法撤除了这条信息。",
        "{name}於{day}依法移除本則資訊。",
        "{name} removed this item on {day} as the law requires.",
    ),
    "title-gone": _w("这条信息已删除", "本則資訊已移除", "This item has been removed"),
    "title-redirect": _w("这条信息已移动", "本則資訊已移動", "This item has moved"),
    "title-vanish": _w(
        "这条信息已依法撤除", "本則資訊已依法移除", "This item has been removed by law"
    ),
    "moved-to": _w("现在在：", "現在位於：", "It is now at:"),
    "reason": _w("原因", "原因", "Reason"),
    "legal-ground": _w("依据", "依據", "Legal ground"),
    "withdrawn-on": _w("撤回时间", "撤回時間", "Withdrawn"),
    "notice-next": _w(
        "有疑问，请问发布单位：",
        "如有疑問，請洽發布機關：",
        "Questions? Ask the body that published it:",
    ),
}

_PLAIN = {
    "about-lead": _w(
        "{name}集中发布本地各机关依法公开的信息。内容由各公开主体发布，谁公开谁负责。",
        "{name}集中發布本地各機關依法公開的資訊。內容由各機關發布，並各自負責。",
        "{name} carries what local bodies disclose by law. Each body publishes, and answers for, its own items.",
    ),
    "contact-us": _w("联系我们", "聯絡我們", "Contact"),
    "page-correction-means": _w(
        "发现哪一页有错，请告诉我们页面地址和错在哪里。",
        "若發現頁面有誤，請告訴我們頁面網址與錯誤之處。",
        "If you find an error, tell us the address of the page and what is wrong.",
    ),
    "accessibility-lead": _w(
        "我们希望每个人都能看到、听到、用上这里的信息。",
        "我們希望每個人都能看見、聽見並使用這裡的資訊。",
        "We want everyone to be able to see, hear and use the information here.",
    ),
    "accessibility-1": _w(
        "不用脚本也能使用全部页面。",
        "不需腳本即可使用全部頁面。",
        "Every page works without scripts.",
    ),
    "accessibility-2": _w(
        "全部功能可以用键盘操作，当前位置有明显的边框。",
        "全部功能可用鍵盤操作，目前位置有明顯外框。",
        "Everything can be reached by keyboard, with a visible focus.",
    ),
    "accessibility-3": _w(
        "页面上方可以选大字和高对比；放大到四倍也不丢内容。",
        "頁面上方可選大字與高對比；放大到四倍也不遺失內容。",
        "Choose large type or high contrast at the top; nothing is lost at 400 % zoom.",
    ),
    "accessibility-4": _w(
        "结构和名称能被读屏软件读出；改动和状态有文字，不只靠颜色。",
        "結構與名稱可由螢幕報讀軟體讀出；改動與狀態以文字表示，不只靠顏色。",
        "Screen readers hear structure and names; changes and states are words, never colour alone.",
    ),
    "accessibility-5": _w(
        "没有弹窗，没有自动播放，没有验证码。",
        "沒有彈出視窗，沒有自動播放，沒有驗證碼。",
        "No pop-ups, nothing that plays by itself, no puzzles.",
    ),
    "accessibility-6": _w(
        "部分附件是扫描件，读屏软件可能读不出，可以向发布单位要可读的文本。",
        "部分附件為掃描檔，螢幕報讀軟體可能無法讀出，可向發布機關索取可讀的文字版。",
        "Some attachments are scans that screen readers cannot read; ask the publishing body for a readable text.",
    ),
    "accessibility-ask": _w(
        "看不清、用不了，请打电话：",
        "看不清楚、無法使用，請來電：",
        "If something does not work for you, call:",
    ),
    "data-lead": _w(
        "这里的每个列表都有订阅源，每条信息都有机器可读的格式。读取不用注册，不限次数。",
        "此處每個清單都有訂閱源，每則資訊都有機器可讀的格式。讀取不需註冊，不限次數。",
        "Every list is also a feed and every item also data. No registration is needed.",
    ),
    "feed-site": _w("全站订阅源", "全站訂閱源", "Feed of the site"),
    "feed-site-means": _w(
        "最新 50 条，Atom 格式；同一地址另有 RSS 和 JSON。",
        "最新 50 筆，Atom 格式；同一位址另有 RSS 與 JSON。",
        "The newest 50, as Atom; RSS and JSON stand beside it.",
    ),
    "feed-department": _w("部门订阅源", "機關訂閱源", "Feed of a body"),
    "feed-department-means": _w(
        "把 CODE 换成部门代码；后面可以再加事项代码。",
        "將 CODE 換成機關代碼；其後可再加事項代碼。",
        "Put the body's code for CODE; a catalogue entry's code may follow.",
    ),
    "json-item": _w("单条信息", "單則資訊", "One item"),
    "json-item-means": _w(
        "在信息页地址后面加 index.json。",
        "在資訊頁網址後加 index.json。",
        "Add index.json to the address of its page.",
    ),
    "api-search": _w("搜索接口", "搜尋介面", "Search"),
    "api-search-means": _w(
        "按词、部门、事项、主题、年份、有效性查询。",
        "依詞、機關、事項、主題、年份、效力查詢。",
        "By words, body, subject, topic, year and status.",
    ),
    "api-records": _w("公开记录流", "公開記錄流", "Record feed"),
    "api-records-means": _w(
        "全部发布、修改、撤回，按序号，附 SHA-256，可以核对。",
        "全部發布、修正、撤回，依序號，附 SHA-256，可供查驗。",
        "Everything published, changed and withdrawn, numbered, with SHA-256, to be checked by anyone.",
    ),
    "api-docs": _w("接口文档", "介面文件", "Interface documents"),
    "api-docs-means": _w("OpenAPI 说明。", "OpenAPI 說明。", "The OpenAPI description."),
    "sitemap-file": _w("网站地图文件", "網站地圖檔", "Sitemap file"),
    "sitemap-file-means": _w("供搜索引擎使用。", "供搜尋引擎使用。", "For search engines."),
    "data-licence": _w(
        "转载请注明来源和发布日期，并以本站现行版为准。",
        "轉載請註明來源與發布日期，並以本站現行版為準。",
        "When you reuse a text, name its source and date; the current version on this site counts.",
    ),
    "not-found": _w("没有找到这个页面", "找不到此頁面", "Page not found"),
    "not-found-lead": _w(
        "地址可能输错了，或者这里从来没有过页面。撤回的信息会留下说明，不会变成这一页。",
        "網址可能輸入錯誤，或此處從未有過頁面。撤回的資訊會留下說明，不會變成此頁。",
        "The address may be wrong, or there never was a page here. Withdrawn items leave a notice, not this page.",
    ),
    "not-found-next": _w("可以在上面搜索，或者", "可在上方搜尋，或", "Search above, or"),
    "to-home": _w("回到首页", "回到首頁", "go to the home page"),
}

WORDS: dict[str, Say] = {
    **_FRAME,
    **_ENTRANCES,
    **_HOME,
    **_BADGES,
    **_CATALOGUE,
    **_ITEM,
    **_RELATED,
    **_STATUS,
    **_VERSION,
    **_NOTICE,
    **_PLAIN,
}
