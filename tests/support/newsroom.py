"""A campaign for the commands of a newsroom, and how it comes on air."""

import pytest

from support.command_line import nowhere, recsys

__all__ = ["FESTIVAL", "festival", "nowhere", "on_air", "recsys"]

FESTIVAL = """
id = "festival"
name = "修复电影 · Restored"
surfaces = ["home"]
end = 2999-02-15
zone = "Asia/Shanghai"
caps = { user_day = 3 }

[[actions]]
kind = "pin"
item_id = "408"
slot = 1
"""


@pytest.fixture(autouse=True)
def festival(nowhere, tmp_path):
    """The campaign as a file in the current folder."""
    (tmp_path / "festival.toml").write_text(FESTIVAL, encoding="utf-8")


def on_air(recsys):
    """The festival, written by Anna and approved by Ben."""
    recsys("campaign", "create", "festival.toml", "--actor", "anna")
    recsys("campaign", "validate", "festival", "--actor", "anna")
    recsys("campaign", "submit", "festival", "--actor", "anna")
    return recsys("campaign", "approve", "festival", "--version", 3, "--actor", "ben")
