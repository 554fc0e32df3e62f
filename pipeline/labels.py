"""Words written about a donor picture: what they say of sex, age, skin and expression."""

import re
from typing import Final

import numpy as np

from pipeline.contract import Floats

SEXES: Final = {"f": "female", "m": "male"}
ADULT: Final = "typical adult"
CHILD: Final = "child"
STUBBLE: Final = 0.5
EMOTIONS: Final = {
    "an": "angry", "angry": "angry", "di": "disgusted", "disgusted": "disgusted",
    "fe": "fearful, wide eyes", "af": "fearful, wide eyes", "fearful": "fearful, wide eyes",
    "ha": "smiling", "happy": "smiling", "sa": "sad", "sad": "sad",
    "su": "surprised", "surprised": "surprised", "contemptuous": "contemptuous",
    "ne": "neutral", "neutral": "neutral", "normal": "neutral", "noglasses": "neutral",
    "centerlight": "neutral", "glasses": "glasses", "sleepy": "eyes closed", "wink": "wink",
    "leftlight": "side light", "rightlight": "side light",
}  # fmt: skip
GAZES: Final = {"left": "looking left", "right": "looking right", "frontal": "looking ahead"}
_LIVELY: Final = (
    "angry", "disgusted", "fearful", "smiling", "sad", "surprised", "contemptuous", "wide eyes",
    "eyes closed", "wink", "looking left", "looking right", "grim", "laugh", "tongue",
)  # fmt: skip
_SURELY_FEMALE: Final = re.compile(r"\b(female|woman|women)\b")
_MALE: Final = re.compile(r"\b(male|man|men|boy)\b|beard|goatee|mustache|stubble|sideburns|shaved")
_FEMALE: Final = re.compile(r"\bgirl\b|lipstick|bob-cut|pearl")
_BEARD: Final = re.compile("beard|goatee|mustache")
_DARK: Final = re.compile(r"\bafrican\b")
_ANCESTRIES: Final = (
    re.compile(r"\b(irish|caucasian|european)\b"),
    re.compile(r"\basian\b"),
    _DARK,
    re.compile(r"\b(persian|indian|south-american|native american|moroccan)\b"),
)
_LIGHT: Final = re.compile(r"\b(asian|irish|persian|caucasian|european)\b")
_AGES: Final = (
    ("baby", 1.0), ("toddler", 2.5), ("small child", 5.0), ("young child", 6.0), ("child", 8.0),
    ("16 year", 16.0), ("teenage", 16.0), ("30 year", 30.0), ("typical adult", 32.0),
    ("middle-aged", 50.0), ("old age", 68.0), ("senior", 70.0), ("elderly", 72.0),
)  # fmt: skip


def sex(labels: str) -> float:
    """1 for a label that says male, 0 for female, NaN where none does."""
    words = labels.lower()
    if _SURELY_FEMALE.search(words):
        return 0.0
    if _MALE.search(words):
        return 1.0
    return 0.0 if _FEMALE.search(words) else float("nan")


def age(labels: str) -> float:
    """Years, NaN where no label tells."""
    words = labels.lower()
    return next((years for word, years in _AGES if word in words), float(np.nan))


def dark(labels: str) -> float:
    """1 for words of people whose skin is mostly dark, 0 mostly light, NaN for no such words."""
    words = labels.lower()
    if _DARK.search(words):
        return 1.0
    return 0.0 if _LIGHT.search(words) else float("nan")


def ancestry(labels: str) -> Floats:
    """(4,) 1 for the apparent ancestry that the words name, else 0: European, Asian, African, and
    of those between; NaN where they name none or several.
    """
    words = labels.lower()
    named = np.array([bool(one.search(words)) for one in _ANCESTRIES], np.float32)
    return named if named.sum() == 1 else np.full(len(named), np.nan, np.float32)


def beard(labels: str) -> float:
    """1 for words of beards, STUBBLE for little of one, 0 for none, NaN where no word tells."""
    words = labels.lower()
    if _SURELY_FEMALE.search(words):
        return float("nan")
    if _BEARD.search(words):
        return 1.0
    if "stubble" in words:
        return STUBBLE
    return 0.0 if "clean-shaven" in words else float("nan")


def lively(labels: str) -> bool:
    """Whether the words say that the face shows an expression or does not look ahead."""
    words = labels.lower()
    return any(word in words for word in _LIVELY)
