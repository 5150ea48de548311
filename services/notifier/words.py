"""The words of our mails and forms, written by hand in the three languages of the frame."""

from __future__ import annotations

from shared.web.dates import Lang

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
    # --- webhooks
    "to_webhook": _three(
        "用程序接收（webhook）", "以程式接收（webhook）", "Receive by a program (webhook)"
    ),
    "to_mail": _three("邮件订阅", "電子郵件訂閱", "Follow by e-mail"),
    "webhook_title": _three("Webhook 订阅", "Webhook 訂閱", "Follow by webhook"),
    "webhook_lead": _three(
        "有新的公开信息、更正或撤回时，我们向您的网址发一个带签名的 POST 请求（Standard Webhooks 规范）。不用注册，随时可以停止。",
        "有新的公開資訊、更正或撤回時，我們向您的網址送出一個帶簽章的 POST 請求（Standard Webhooks 規範）。不必註冊，隨時可以停止。",
        "When something is published, corrected or withdrawn, we send a signed POST request to your URL (Standard Webhooks). No account; stop whenever you like.",
    ),
    "webhook_url": _three("接收网址", "接收網址", "URL of the receiver"),
    "webhook_url_hint": _three(
        "公网上的 https 网址，例如 https://example.cn/hooks/gov",
        "公開網路上的 https 網址，例如 https://example.tw/hooks/gov",
        "An https address on the public Internet, such as https://example.org/hooks/gov",
    ),
    "webhook_secret": _three("签名密钥", "簽章密鑰", "Signing secret"),
    "webhook_secret_hint": _three(
        "whsec_ 开头；留空则由我们生成，在下一页显示",
        "以 whsec_ 開頭；留白則由我們產生，顯示於下一頁",
        "Begins with whsec_; leave it empty and we make one, shown on the next page",
    ),
    "webhook_next": _three(
        "下一页可以取得密钥，并验证网址。验证以前不发送任何通知。请收藏下一页的地址：它是管理这个 webhook 的唯一钥匙。",
        "下一頁可以取得密鑰，並驗證網址。驗證之前不送出任何通知。請將下一頁加入書籤：它是管理這個 webhook 的唯一鑰匙。",
        "The next page shows the secret and verifies the URL; nothing is sent before. Keep the address of that page: it is the only key to this webhook.",
    ),
    "webhook_kept": _three(
        "我们只保存网址、密钥和订阅内容，只用于发送通知；停止 28 天后删除。没有验证的 7 天后删除。",
        "我們只保存網址、密鑰與訂閱內容，只用於送出通知；停止 28 天後刪除。未驗證的 7 天後刪除。",
        "We keep the URL, the secret and what you follow, for these messages only, and delete them 28 days after the end; what was not verified, after 7.",
    ),
    "webhook_mine": _three("我的 webhook", "我的 webhook", "My webhook"),
    "webhook_unverified": _three("尚未验证", "尚未驗證", "Not verified"),
    "webhook_unverified_text": _three(
        "请先把下面的密钥装进接收程序，再按“验证网址”。我们会发一个签名的请求，程序要在回答中原样返回 data.challenge 的值。",
        "請先把下方的密鑰裝進接收程式，再按「驗證網址」。我們會送出一個簽章的請求，程式須在回應中原樣傳回 data.challenge 的值。",
        "Put the secret below into your receiver, then press Verify. We send a signed request; the receiver has to answer with the value of data.challenge.",
    ),
    "webhook_works": _three("正常", "正常", "Working"),
    "webhook_works_text": _three(
        "已验证，有符合的信息即发送。",
        "已驗證，有符合的資訊即送出。",
        "Verified; what fits is sent at once.",
    ),
    "webhook_failing": _three("暂时送不到", "暫時送不到", "Failing"),
    "webhook_failing_text": _three(
        "从{at}起没有一次成功。间隔越来越长地再试，满三天仍不成功就停止。",
        "自{at}起沒有一次成功。將以越來越長的間隔再試，滿三天仍不成功就停止。",
        "Nothing was taken since {at}. We try again at growing intervals, and stop after three days.",
    ),
    "webhook_stopped": _three("已停止", "已停止", "Stopped"),
    "webhook_stopped_text": _three(
        "原因：{reason}。停止期间的通知不补发。重新验证成功即恢复；否则将于{day}删除。",
        "原因：{reason}。停止期間的通知不補發。重新驗證成功即恢復；否則將於{day}刪除。",
        "Why: {reason}. What happens meanwhile is not sent later. It goes on once verified again; otherwise it is deleted on {day}.",
    ),
    "webhook_left_text": _three(
        "没有订阅。可在下面重新订阅；否则将于{day}删除。",
        "沒有訂閱。可在下方重新訂閱；否則將於{day}刪除。",
        "It follows nothing. Start again below; otherwise it is deleted on {day}.",
    ),
    "webhook_verify": _three("验证网址", "驗證網址", "Verify the URL"),
    "webhook_asked": _three(
        "上次验证：{at}，{result}", "上次驗證：{at}，{result}", "Last check: {at}, {result}"
    ),
    "webhook_passed": _three("通过", "通過", "passed"),
    "webhook_show_secret": _three("显示密钥", "顯示密鑰", "Show the secret"),
    "webhook_renew": _three("更换密钥", "更換密鑰", "Change the secret"),
    "webhook_renew_text": _three(
        "更换后 24 小时内，新旧密钥同时签名。",
        "更換後 24 小時內，新舊密鑰同時簽章。",
        "For 24 hours after a change, the old secret signs as well.",
    ),
    "webhook_both": _three(
        "旧密钥同时签名到{at}。",
        "舊密鑰同時簽章至{at}。",
        "The old secret signs as well until {at}.",
    ),
    "webhook_followed": _three("订阅内容", "訂閱內容", "What it follows"),
    "webhook_waits": _three("验证后生效", "驗證後生效", "begins once verified"),
    "webhook_log": _three("发送记录", "傳送紀錄", "Deliveries"),
    "webhook_log_none": _three("还没有发送过。", "尚未送出過。", "Nothing has been sent yet."),
    "webhook_log_kept": _three(
        "最近 50 条；每次尝试的记录保留 30 天。",
        "最近 50 則；每次嘗試的紀錄保留 30 天。",
        "The newest 50; each try is kept for 30 days.",
    ),
    "webhook_textless": _three(
        "内容已撤下或已过期", "內容已撤下或已過期", "its text was withdrawn or is too old"
    ),
    "webhook_again": _three("再发一次", "再送一次", "Send again"),
    "webhook_tries": _three("尝试 {n} 次", "嘗試 {n} 次", "Tries: {n}"),
    "webhook_took": _three("{ms} 毫秒", "{ms} 毫秒", "{ms} ms"),
    "webhook_cut_off": _three("没有结果", "沒有結果", "no result"),
    "webhook_warning": _three(
        "凡有本页地址的人都能更改这个 webhook，请勿转发。",
        "任何持有本頁網址的人都能更改這個 webhook，請勿轉寄。",
        "Whoever has the address of this page can change this webhook: please do not pass it on.",
    ),
    "webhook_language": _three("本页语言", "本頁語言", "Language of this page"),
    "webhook_leave": _three(
        "按下按钮后，不再发送：",
        "按下按鈕後，不再送出：",
        "Press the button, and nothing more is sent about:",
    ),
    "webhook_left": _three(
        "不再发送。已经在路上的一条可能还会到。",
        "不再送出。已在途中的一則可能還會送達。",
        "Nothing more is sent. What was on its way may still arrive.",
    ),
    "webhook_to_page": _three("回到我的 webhook", "回到我的 webhook", "Back to my webhook"),
    "webhook_stop_all": _three("全部停止", "全部停止", "Stop everything"),
    "state_pending": _three("等待发送", "等待送出", "Waiting"),
    "state_sending": _three("正在发送", "正在送出", "Being sent"),
    "state_sent": _three("已送达", "已送達", "Delivered"),
    "state_deferred": _three("{at}再试", "{at}再試", "Next try {at}"),
    "state_failed": _three("未送达", "未送達", "Not delivered"),
    "state_unknown": _three("不能确定是否送达", "無法確定是否送達", "Not known whether it arrived"),
    "why_timed_out": _three("超时", "逾時", "timed out"),
    "why_name_not_found": _three("找不到主机名", "找不到主機名稱", "host name not found"),
    "why_no_connection": _three("连接不上", "無法連線", "no connection"),
    "why_connection_broken": _three("连接中断", "連線中斷", "connection broken"),
    "why_certificate_not_valid": _three("证书无效", "憑證無效", "certificate not valid"),
    "why_tls_failed": _three("TLS 握手失败", "TLS 交握失敗", "TLS failed"),
    "why_address_not_public": _three(
        "地址不在公网上", "位址不在公開網路上", "address is not a public one"
    ),
    "why_challenge_not_answered": _three(
        "回答中没有原样的 challenge",
        "回應中沒有原樣的 challenge",
        "the answer did not carry the challenge",
    ),
    "why_failing_for_3_days": _three("连续三天送不到", "連續三天送不到", "failing for three days"),
    "why_receiver_stopped": _three("接收已停止", "接收已停止", "the webhook was stopped"),
    "why_unsubscribed": _three("已退订", "已取消訂閱", "unsubscribed"),
    "why_withdrawn_before_it_was_sent": _three(
        "发送前已撤回", "送出前已撤回", "withdrawn before it was sent"
    ),
    "why_stopped_while_sending": _three(
        "发送时程序中断", "送出時程式中斷", "interrupted while being sent"
    ),
    "why_restored_from_a_backup": _three(
        "从备份恢复后不再自动发送",
        "從備份還原後不再自動送出",
        "not sent again after a restore from a backup",
    ),
    "why_dropped_by_the_operator": _three(
        "运维人员已停用", "維運人員已停用", "dropped by the operator"
    ),
    "why_not_built": _three("无法生成", "無法產生", "could not be built"),
    "why_given_up": _three("已放弃", "已放棄", "given up"),
    # --- refusals
    "url_not_usable": _three(
        "这个网址不能使用：须是公网上的 https 网址，端口 443 或 8443，不带用户名。",
        "這個網址不能使用：須是公開網路上的 https 網址，連接埠 443 或 8443，不帶使用者名稱。",
        "That URL cannot be used: it must be https, on the public Internet, port 443 or 8443, without a user name.",
    ),
    "secret_not_usable": _three(
        "密钥须为 whsec_ 加 24 至 64 字节的 base64；留空则由我们生成。",
        "密鑰須為 whsec_ 加 24 至 64 位元組的 base64；留白則由我們產生。",
        "A secret is whsec_ and 24 to 64 bytes in base64; leave it empty and we make one.",
    ),
    "not_to_be_sent_again": _three(
        "这一条现在不能重发：内容已撤下，或正在发送，或网址未验证、已停止。",
        "這一則現在不能重送：內容已撤下，或正在送出，或網址未驗證、已停止。",
        "This cannot be sent again now: its text was withdrawn, it is on its way, or the URL is not verified.",
    ),
    "too_often": _three(
        "太频繁了，请过一会儿再试。",
        "太頻繁了，請過一會兒再試。",
        "Too often; please try again a little later.",
    ),
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


def why(reason: str, lang: Lang) -> str:
    """Return the reason of a failure as its reader says it; `HTTP 500` is the same in every language."""
    head, _, rest = reason.partition(": ")
    if rest:
        return f"{why(head, lang)}{say('colon', lang)}{why(rest, lang)}"
    key = "why_" + reason.lower().replace(" ", "_")
    return say(key, lang) if key in WORDS else reason


def say(key: str, lang: Lang, **values: object) -> str:
    """Return our words for *key*, with *values* put in."""
    words = WORDS[key][lang]
    return words.format(**values) if values else words
