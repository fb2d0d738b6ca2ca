"""What the service says of itself in public: purpose, main parameters and their weight, live versions (DSA 27)."""

from typing import Any

from recsys.clock import to_datetime
from serving.view import View

PURPOSE = {
    "zh": "根据您的浏览、收听与阅读记录推荐文化内容；所有结果都经过内容安全与版权检查。",
    "en": "Recommends cultural works from what you watched, heard and read; all of it passes safety and rights checks.",
}
CHOICE = {
    "zh": "您可以随时关闭个性化推荐，也可以隐藏作品或要求删除您的数据。",
    "en": "You can turn personalisation off at any time, hide works, and have your data erased.",
}
PARAMETERS = {
    "history": {"zh": "您的历史记录", "en": "Your history"},
    "profile": {"zh": "您填写的资料", "en": "The profile you gave"},
    "popularity": {"zh": "近期热度", "en": "What is popular at the moment"},
    "content": {"zh": "作品的类型、标签与作者", "en": "Genres, tags and authors of works"},
    "editors": {"zh": "编辑的置顶、推荐与下架", "en": "What editors pin, boost, bury and exclude"},
    "safety": {
        "zh": "内容安全、年龄分级与地区版权（只减不增）",
        "en": "Safety, age ratings and rights (only ever remove)",
    },
}


def about(view: View | None, now: float) -> dict[str, Any]:
    """The public description; its versions are those of the live model."""
    parameters = [{"name": name, **texts} for name, texts in PARAMETERS.items()]
    document: dict[str, Any] = {"purpose": PURPOSE, "choice": CHOICE, "parameters": parameters}
    document["now"] = to_datetime(now).isoformat()  # the time that windows, embargoes and overrides go by
    document["model"] = None
    if view is not None:
        manifest = view.bundle.manifest
        document["model"] = {
            "version": manifest.version,
            "trained_at": manifest.created_at.isoformat(),
            "sources": [name.split("-", 1)[1] for name in manifest.sources],
            "weights": _weights(manifest.recipe),
            "policy": view.policy_id,
        }
    return document


def _weights(recipe: dict[str, Any]) -> dict[str, float]:
    """How much each part of the live model counts, in shares of 1."""
    parts, weights = recipe.get("parts"), recipe.get("weights")
    if not parts or not weights:
        return {str(recipe["recipe"]): 1.0}
    total = sum(weights)
    return {str(part["recipe"]): round(weight / total, 4) for part, weight in zip(parts, weights, strict=True)}
