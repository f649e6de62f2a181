"""README.zh.md is README.md in Chinese, whole: the same sections, code and links."""

from __future__ import annotations

import re
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
ENGLISH, CHINESE = ((TOP / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh.md"))


def code(text: str) -> list[str]:
    """The fenced blocks without their comments."""
    blocks = re.findall(r"```\w*\n(.*?)```", text, flags=re.DOTALL)
    return [re.sub(r" +#.*", "", block) for block in blocks]


def links(text: str) -> set[str]:
    return {link for link in re.findall(r"\]\(([^)#]+)\)", text) if "README" not in link or "/" in link}


def test_the_two_have_the_same_sections():
    sections = [len(re.findall(r"^##? ", text, flags=re.MULTILINE)) for text in (ENGLISH, CHINESE)]
    assert sections[1] == sections[0] + 1  # the glossary


def test_the_two_have_the_same_code():
    assert code(CHINESE) == code(ENGLISH)


def test_the_two_have_the_same_links():
    assert links(CHINESE) == links(ENGLISH)


def test_every_place_that_a_download_comes_from_is_named():
    sources = [*(TOP / "nst").rglob("*.py"), TOP / "data" / "pictures" / "catalogue.json"]
    hosts = {host for file in sources for host in re.findall(r'"https?://([\w.-]+)/', file.read_text(encoding="utf-8"))}
    hosts.discard("www.w3.org")  # SVG's name, not an address
    assert len(hosts) >= 4
    for text in (ENGLISH, CHINESE):
        assert {host for host in hosts if host not in text} == set()


def test_lesson_tables_have_the_same_times():
    english = re.findall(r"^\| \[(\d\d) .*\| (\d+) min \| (\d+) s \|$", ENGLISH, flags=re.MULTILINE)
    assert english == re.findall(r"^\| \[(\d\d) .*\| (\d+) 分钟 \| (\d+) 秒 \|$", CHINESE, flags=re.MULTILINE)
    assert len(english) >= 8


def test_glossary_holds_the_articles_terms():
    terms = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|[^|]*\|$", CHINESE.split("## 术语表")[1], flags=re.MULTILINE))
    for term in "风格迁移 内容图片 风格图片 内容损失 风格损失 卷积模块 残差模块 步长 超分辨率 固定风格任意内容".split():
        assert re.search("[a-z]{4}", terms[term])
