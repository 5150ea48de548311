"""Words of the search page beside those of the frame, each language written by hand."""

from __future__ import annotations

from shared.web.dates import Lang

WORDS: dict[str, dict[Lang, str]] = {
    "title": {"zh-Hans": "搜索", "zh-Hant": "搜尋", "en": "Search"},
    "title_q": {"zh-Hans": "{q} - 搜索", "zh-Hant": "{q} - 搜尋", "en": "{q} - Search"},
    "found": {"zh-Hans": "找到 {n} 条", "zh-Hant": "找到 {n} 筆", "en": "{n} found"},
    "found_one": {"zh-Hans": "找到 1 条", "zh-Hant": "找到 1 筆", "en": "1 found"},
    "all": {
        "zh-Hans": "全部 {n} 条，最新的在前",
        "zh-Hant": "全部 {n} 筆，最新在前",
        "en": "All {n}, newest first",
    },
    "filters_on": {"zh-Hans": "已选", "zh-Hant": "已選", "en": "Chosen"},
    "remove": {"zh-Hans": "去掉 {what}", "zh-Hant": "移除 {what}", "en": "Remove {what}"},
    "remove_all": {"zh-Hans": "全部去掉", "zh-Hant": "全部移除", "en": "Remove all"},
    "narrow": {"zh-Hans": "缩小范围", "zh-Hant": "縮小範圍", "en": "Narrow down"},
    "order": {"zh-Hans": "排序", "zh-Hant": "排序", "en": "Order"},
    "relevance": {"zh-Hans": "相关度", "zh-Hant": "相關度", "en": "Best match"},
    "newest": {"zh-Hans": "最新发布", "zh-Hant": "最新發布", "en": "Newest"},
    "only_in_force": {"zh-Hans": "只看有效", "zh-Hant": "只看現行", "en": "Only in force"},
    "facet_department": {"zh-Hans": "部门", "zh-Hant": "機關", "en": "Body"},
    "facet_catalogue": {"zh-Hans": "公开类别", "zh-Hant": "公開類別", "en": "Category"},
    "facet_genre": {"zh-Hans": "体裁", "zh-Hant": "體裁", "en": "Document type"},
    "facet_topic": {"zh-Hans": "主题", "zh-Hant": "主題", "en": "Topic"},
    "facet_year": {"zh-Hans": "年份", "zh-Hant": "年份", "en": "Year"},
    "facet_validity": {"zh-Hans": "有效性", "zh-Hant": "效力", "en": "Status"},
    "more_values": {"zh-Hans": "更多 {n} 个", "zh-Hant": "更多 {n} 個", "en": "{n} more"},
    "dates": {"zh-Hans": "发布日期", "zh-Hant": "發布日期", "en": "Published"},
    "from": {"zh-Hans": "从", "zh-Hant": "自", "en": "From"},
    "to": {"zh-Hans": "到", "zh-Hant": "至", "en": "To"},
    "since": {"zh-Hans": "{day} 起", "zh-Hant": "{day} 起", "en": "from {day}"},
    "until": {"zh-Hans": "{day} 止", "zh-Hant": "至 {day}", "en": "until {day}"},
    "apply_dates": {"zh-Hans": "按日期筛选", "zh-Hant": "依日期篩選", "en": "Filter by date"},
    "year_value": {"zh-Hans": "{n}年", "zh-Hant": "{n}年", "en": "{n}"},
    "exact_part": {
        "zh-Hans": "按文号找到的",
        "zh-Hant": "依文號找到的",
        "en": "Found by its number",
    },
    "exact_number": {
        "zh-Hans": "文号、索引号完全相符",
        "zh-Hant": "文號、索引號完全相符",
        "en": "This is the number you asked for",
    },
    "made": {"zh-Hans": "{day} 成文", "zh-Hant": "{day} 成文", "en": "made {day}"},
    "published": {"zh-Hans": "{day} 发布", "zh-Hant": "{day} 發布", "en": "published {day}"},
    "withdrawn": {
        "zh-Hans": "撤回原因：{reason}",
        "zh-Hant": "撤回原因：{reason}",
        "en": "Why withdrawn: {reason}",
    },
    "explained": {"zh-Hans": "政策解读", "zh-Hant": "政策說明", "en": "Explainer"},
    "follow": {
        "zh-Hans": "订阅这个搜索",
        "zh-Hant": "訂閱此搜尋",
        "en": "Subscribe to this search",
    },
    "page_n": {"zh-Hans": "第 {n} 页", "zh-Hant": "第 {n} 頁", "en": "Page {n}"},
    "pages": {"zh-Hans": "分页", "zh-Hant": "分頁", "en": "Pages"},
    "previous": {"zh-Hans": "上一页", "zh-Hant": "上一頁", "en": "Previous"},
    "next": {"zh-Hans": "下一页", "zh-Hant": "下一頁", "en": "Next"},
    "none": {
        "zh-Hans": "没有找到“{q}”",
        "zh-Hant": "找不到「{q}」",
        "en": "Nothing found for “{q}”",
    },
    "none_all": {"zh-Hans": "没有符合的信息", "zh-Hant": "沒有符合的資訊", "en": "Nothing found"},
    "past_end": {
        "zh-Hans": "没有这一页。{link}",
        "zh-Hant": "沒有這一頁。{link}",
        "en": "There is no such page. {link}",
    },
    "first_page": {"zh-Hans": "回到第 1 页", "zh-Hant": "回到第 1 頁", "en": "Back to page 1"},
    "without_filters": {
        "zh-Hans": "去掉筛选条件，有 {n} 条",
        "zh-Hant": "移除篩選條件，有 {n} 筆",
        "en": "Without the filters there are {n}",
    },
    "dropped": {
        "zh-Hans": "没有按这些字查：{words}",
        "zh-Hant": "未以這些字查詢：{words}",
        "en": "Left out of the search: {words}",
    },
    "nearest": {"zh-Hans": "标题最接近的", "zh-Hant": "標題最接近的", "en": "Closest titles"},
    "ask_body": {"zh-Hans": "可以问", "zh-Hant": "可以詢問", "en": "Whom to ask"},
    "hotline": {
        "zh-Hans": "政务服务便民热线，24小时",
        "zh-Hant": "政務服務便民熱線，24 小時",
        "en": "Government service hotline, round the clock",
    },
    "apply": {
        "zh-Hans": "没有公开的信息，可以依法申请",
        "zh-Hant": "尚未公開的資訊，可依法申請",
        "en": "What has not been published can be requested by law",
    },
    "again": {"zh-Hans": "再试一次", "zh-Hant": "再試一次", "en": "Try again"},
    "unavailable": {
        "zh-Hans": "搜索暂时不可用，请稍后再试。",
        "zh-Hant": "搜尋暫時無法使用，請稍後再試。",
        "en": "Search is not available now; please try again shortly.",
    },
}


def say(key: str, lang: Lang, **values: object) -> str:
    """Return our words for *key*, with *values* put in."""
    text = WORDS[key][lang]
    return text.format(**values) if values else text
