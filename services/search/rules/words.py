"""Words of everyday questions: those that carry no meaning for a search, and those that mean the same."""

from __future__ import annotations

import re

ASKING = re.compile(
    "请问|你好|您好|为什么|为啥|怎么办理?|怎么样|怎么着|怎么|怎样|如何|什么时候|什么时间|什么|"
    "多少钱一(?:个月|月|年|次|天|平方?米?)|多少钱|多少|几时|何时|何地|何处|在?(?:哪里|哪儿)|哪些|哪个|哪家|在哪|是不是|是否|能不能|能否|可不可以|可以|有没有|要不要|需不需要|我想|我要|我们|我家|我|"
    "应该|应当|想要|想问|知道|查一下|查询一下|一下|吗|呢|吧|啊|呀"
)
"""Phrases of asking, taken out of a question before it is cut."""

EMPTY = frozenset(
    "的 了 是 在 有 和 与 及 或 等 被 把 对 将 会 都 也 就 还 很 到 去 来 要 得 地 着 过 给 让 向 从 由 以 为 于 其 之 "
    "the a an of to in on for and or is are was were be do does did how what when where who why which can i my me".split()
)
"""Words and characters that decide nothing, neither as a need nor in the score."""

_SAME = """
老人 老年人 高龄 老龄
补贴 津贴 补助 救助金
学区 招生范围 服务范围 划片
封路 封闭 交通管制 断行 中断交通
封 封闭
路 道路 公路
上学 入学 招生
停水 供水
停电 供电
房价 住房
公租房 公共租赁住房 保障性住房
低保 最低生活保障
看病 就医 医疗
医保 医疗保险
社保 社会保险
养老院 养老机构 敬老院
工资 薪酬 报酬
招人 招聘 招考 招录
拆迁 征收 搬迁
赔偿 补偿
罚款 处罚
花销 支出 决算
暴雨 强降雨
"""
SAME: dict[str, tuple[str, ...]] = {}
"""Word → words that a document may use instead; everyday words first, the office's words after them."""
for _line in _SAME.strip().splitlines():
    _word, *_others = _line.split()
    SAME[_word] = tuple(_others)
