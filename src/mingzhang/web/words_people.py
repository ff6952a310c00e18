"""Words about staff themselves: what is refused on their own account's page and on the team's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def N_(text: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark a message for extraction; it is translated where it is shown."""
    return text


MONEY_ACTIONS: Final[Mapping[str, str]] = {"change_roles": N_("变更员工角色")}
FIELD_ERRORS: Final[Mapping[str, str]] = {
    "password_too_short": N_("密码至少 10 个字符，最多 200 个"),
    "password_too_common": N_("这个密码太容易猜：请换一个长一些、不含名字和常见词的"),
    "password_differs": N_("两次输入的新密码不一样"),
    "totp_wrong": N_("验证码不对，请等下一个；手机时间准吗？"),
    "totp_missing": N_("还没有绑定验证器"),
    "unknown_staff": N_("没有这个员工"),
    "staff_role_missing": N_("请至少选一个角色"),
    "unknown_session": N_("这个登录已经结束"),
    "unknown_approval": N_("没有这项提议"),
    "own_account": N_("不能停用自己的账号，需要另一个人"),
}
