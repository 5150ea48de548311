"""The words of our mails and forms, written by hand in the three languages of the frame."""

from __future__ import annotations

from services.notifier.rules import Lang

_H: Lang = "zh-Hans"
_T: Lang = "zh-Hant"
_E: Lang = "en"


def _three(hans: str, hant: str, english: str) -> dict[Lang, str]:
    return {_H: hans, _T: hant, _E: english}


WORDS: dict[str, dict[Lang, str]] = {
    # --- notices
    "published": _three("{day}发布", "{day}發布", "Published {day}"),
    "in_force": _three("有效", "現行", "In force"),
    "amended": _three("已修改", "已修正", "Amended"),
    "repealed": _three("已废止", "已廢止", "Repealed"),
    "expired": _three("已失效", "失效", "Expired"),
    "points": _three("要点", "要點", "Key points"),
    "correction": _three("更正说明", "更正說明", "What was corrected"),
    "when": _three("时间", "時間", "When"),
    "where": _three("地点", "地點", "Where"),
    "phone": _three("电话", "電話", "Phone"),
    "until": _three("{closes}截止", "{closes}截止", "until {closes}"),
    "since": _three("{opens}起", "{opens}起", "from {opens}"),
    "between": _three("{opens}至{closes}", "{opens}至{closes}", "{opens} to {closes}"),
    "attachments": _three("附件", "附件", "Attachments"),
    "chinese_only": _three("", "", "Text in Chinese only"),
    "between_names": _three("、", "、", ", "),
    "colon": _three("：", "：", ": "),
    "withdrawn": _three(
        "这条信息已被发布单位撤回。",
        "這則資訊已由發布機關撤回。",
        "This item has been withdrawn by the body that published it.",
    ),
    "gone": _three(
        "{department}撤下了一条信息。",
        "{department}撤下了一則資訊。",
        "{department} has taken an item down.",
    ),
    "redirect": _three(
        "{department}的一条信息已改由别处提供。",
        "{department}的一則資訊已改由他處提供。",
        "An item of {department} is now found elsewhere.",
    ),
    "vanish": _three(
        "{department}的一条信息已依法撤除。",
        "{department}的一則資訊已依法移除。",
        "An item of {department} has been removed by law.",
    ),
    "reason": _three("原因", "原因", "Reason"),
    "notice_page": _three("查看说明", "查看說明", "Read the notice"),
    # --- the end of every notice
    "because": _three(
        "您收到此信是因为订阅了{what}。",
        "您收到此信是因為訂閱了{what}。",
        "You get this mail because you follow {what}.",
    ),
    "adjust": _three("调整订阅", "調整訂閱", "Change what you follow"),
    "leave_this": _three("退订本项", "取消訂閱本項", "Stop following this"),
    "leave_all": _three("全部退订", "全部取消訂閱", "Unsubscribe from everything"),
    "warning": _three(
        "本邮件不会索要密码、验证码、身份证号或汇款。",
        "本郵件不會索取密碼、驗證碼、身分證字號，也不會要求匯款。",
        "This mail never asks for passwords, codes, ID numbers or money.",
    ),
    # --- letters
    "confirm_subject": _three(
        "请确认订阅{site}", "請確認訂閱{site}", "Please confirm that you want to follow {site}"
    ),
    "confirm_lead": _three(
        "有人（应该是您）用这个邮箱在{site}要求订阅：",
        "有人（應該是您）用這個信箱在{site}要求訂閱：",
        "Somebody, probably you, asked {site} to send this address:",
    ),
    "confirm_do": _three("确认订阅", "確認訂閱", "Confirm"),
    "confirm_end": _three(
        "打开链接后再按一次“确认订阅”才生效，7 天内有效。如果不是您本人，不必理会这封信，我们不会再写信来。",
        "開啟連結後再按一次「確認訂閱」才生效，7 天內有效。若不是您本人，不必理會這封信，我們不會再寄信。",
        "It takes effect when you press Confirm on the page that opens, within 7 days. If it was not you, do nothing: you will not hear from us.",
    ),
    "link_subject": _three("您在{site}的订阅", "您在{site}的訂閱", "What you follow at {site}"),
    "link_lead": _three(
        "在这里查看、调整或退订：",
        "在這裡查看、調整或取消訂閱：",
        "See, change or end what you follow here:",
    ),
    "link_do": _three("我的订阅", "我的訂閱", "What I follow"),
    "link_end": _three(
        "凡有这个链接的人都能更改您的订阅，请勿转发。",
        "任何持有這個連結的人都能更改您的訂閱，請勿轉寄。",
        "Whoever has this link can change what you follow: please do not pass it on.",
    ),
    # --- labels of targets
    "phrase": _three("词语：{phrase}", "詞語：{phrase}", "words: {phrase}"),
    "quoted": _three("「{what}」", "「{what}」", "“{what}”"),
    # --- pages
    "subscribe_title": _three("邮件订阅", "電子郵件訂閱", "Follow by e-mail"),
    "subscribe_lead": _three(
        "有新的公开信息、更正或撤回时，我们发一封邮件告诉您。不用注册，随时可以退订。",
        "有新的公開資訊、更正或撤回時，我們寄一封信告訴您。不必註冊，隨時可以取消。",
        "We send you a mail when something is published, corrected or withdrawn. No account; leave whenever you like.",
    ),
    "address": _three("您的邮箱", "您的電子信箱", "Your e-mail address"),
    "department": _three("部门", "機關", "Department"),
    "any_department": _three("所有部门", "所有機關", "Every department"),
    "catalogue": _three("公开事项", "公開事項", "Catalogue entry"),
    "any_catalogue": _three("所有事项", "所有事項", "Every entry"),
    "phrase_field": _three(
        "标题或正文里有这些词", "標題或內文有這些詞", "With these words in title or text"
    ),
    "phrase_hint": _three(
        "例如：石桥 封路；留空表示不限",
        "例如：石橋 封路；留白表示不限",
        "For example: Shiqiao closure; leave empty for all",
    ),
    "all_parts": _three(
        "选了几项时，同时符合的信息才会通知您。",
        "選了多項時，同時符合的資訊才會通知您。",
        "If you give several, you hear of what fits all of them.",
    ),
    "subscribe_do": _three("订阅", "訂閱", "Subscribe"),
    "mail_language": _three("邮件语言", "郵件語言", "Language of the mails"),
    "what_we_keep": _three(
        "我们只保存邮箱和订阅内容，只用于发送通知；全部退订 28 天后删除邮箱。",
        "我們只保存信箱與訂閱內容，只用於寄送通知；全部取消訂閱 28 天後刪除信箱。",
        "We keep your address and what you follow, for these mails only; 28 days after you leave, the address is deleted.",
    ),
    "check_mail_title": _three("请查收确认邮件", "請查收確認信", "Check your mail"),
    "check_mail": _three(
        "如果这个邮箱可以收信，几分钟内会收到一封信。打开信里的链接并按“确认订阅”，订阅才生效。没收到？请看看垃圾邮件，或 10 分钟后再试。",
        "若這個信箱可以收信，幾分鐘內會收到一封信。開啟信裡的連結並按「確認訂閱」，訂閱才生效。沒收到？請查看垃圾郵件，或 10 分鐘後再試。",
        "If that address takes mail, a message arrives within minutes. Open its link and press Confirm. Nothing there? Look in the spam folder, or try again in 10 minutes.",
    ),
    "lost_link_title": _three("已经订阅过？", "已經訂閱過？", "Already following something?"),
    "lost_link": _three(
        "填写邮箱，我们把“我的订阅”的链接寄给您。",
        "填寫信箱，我們把「我的訂閱」的連結寄給您。",
        "Give your address and we mail you the link to your own page.",
    ),
    "lost_link_do": _three("寄给我链接", "把連結寄給我", "Mail me the link"),
    "confirm_title": _three("确认订阅", "確認訂閱", "Confirm"),
    "confirm_page": _three(
        "按下按钮后，这些订阅立即生效：",
        "按下按鈕後，這些訂閱立即生效：",
        "Press the button and these take effect at once:",
    ),
    "mine_title": _three("我的订阅", "我的訂閱", "What I follow"),
    "mine_none": _three("现在没有订阅。", "目前沒有訂閱。", "You follow nothing now."),
    "mine_until": _three(
        "您的邮箱将在 {day} 删除；在那以前可以在下面重新订阅。",
        "您的信箱將在 {day} 刪除；在那之前可在下方重新訂閱。",
        "Your address will be deleted on {day}; until then you can start again below.",
    ),
    "mine_refused": _three(
        "您的邮箱退回了我们的信（{reason}），已停止发送。请用能收信的邮箱重新订阅。",
        "您的信箱退回了我們的信（{reason}），已停止寄送。請用能收信的信箱重新訂閱。",
        "Your mail server refused our mail ({reason}), so we stopped. Please subscribe again with an address that takes mail.",
    ),
    "since_day": _three("{day}起", "{day}起", "since {day}"),
    "change_do": _three("更改", "更改", "Change"),
    "save_do": _three("保存", "儲存", "Save"),
    "remove_do": _three("退订", "取消訂閱", "Stop"),
    "add_title": _three("再订阅一项", "再訂閱一項", "Follow something more"),
    "add_do": _three("加上", "加上", "Add"),
    "leave_title": _three("退订", "取消訂閱", "Unsubscribe"),
    "leave_page": _three(
        "按下按钮后，不再收到这些订阅的邮件：",
        "按下按鈕後，不再收到這些訂閱的郵件：",
        "Press the button to get no more mail about:",
    ),
    "leave_do": _three("确认退订", "確認取消訂閱", "Unsubscribe"),
    "left_title": _three("已退订", "已取消訂閱", "You have left"),
    "left": _three(
        "不会再收到这些订阅的邮件。已经在路上的一封可能还会到。",
        "不會再收到這些訂閱的郵件。已在途中的一封可能還會送達。",
        "No more mail about these. One that was on its way may still arrive.",
    ),
    "back_to_mine": _three("查看我的订阅", "查看我的訂閱", "See what I follow"),
    "problem_title": _three(
        "请检查填写的内容", "請檢查填寫的內容", "Please check what you filled in"
    ),
    "not_valid_title": _three("链接无效", "連結無效", "This link is not valid"),
    "not_valid": _three(
        "链接可能已过期，或者没有复制完整。可以重新订阅，或者让我们把新的链接寄给您。",
        "連結可能已過期，或沒有複製完整。可以重新訂閱，或讓我們把新的連結寄給您。",
        "It may have expired, or been cut off. Subscribe again, or let us mail you a new link.",
    ),
    "to_subscribe": _three("去邮件订阅", "前往電子郵件訂閱", "Go to the form"),
    # --- refusals
    "address_not_usable": _three(
        "邮箱地址不正确，请检查后重新填写，例如 name@example.cn。",
        "電子信箱不正確，請檢查後重新填寫，例如 name@example.tw。",
        "That is not an address we can write to; please check it, for example name@example.org.",
    ),
    "nothing_chosen": _three(
        "请至少选择部门或事项，或者填写词语。",
        "請至少選擇機關或事項，或填寫詞語。",
        "Choose a department or an entry, or give some words.",
    ),
    "phrase_too_vague": _three(
        "词语至少要有两个字，最多 60 个字。",
        "詞語至少要有兩個字，最多 60 個字。",
        "Give at least two characters and at most 60.",
    ),
    "not_our_target": _three(
        "没有这个部门或事项，请重新选择。",
        "沒有這個機關或事項，請重新選擇。",
        "There is no such department or entry; please choose again.",
    ),
    "too_many_subscriptions": _three(
        "已有 100 项订阅，请先退订一些。",
        "已有 100 項訂閱，請先取消一些。",
        "You follow 100 things already; please remove some first.",
    ),
    "too_busy": _three(
        "现在要求订阅的人很多，请几分钟后再试。",
        "現在要求訂閱的人很多，請幾分鐘後再試。",
        "Many people are subscribing now; please try again in a few minutes.",
    ),
    "not_from_here": _three(
        "请从本站的页面提交。",
        "請從本站的頁面送出。",
        "Please send this form from a page of this site.",
    ),
}


def say(key: str, lang: Lang, **values: object) -> str:
    """Return our words for *key*, with *values* put in."""
    words = WORDS[key][lang]
    return words.format(**values) if values else words
