"""What a record says of the run that made it, made into the settings of another."""

import logging
from dataclasses import fields, replace
from typing import Any, Final

from pipeline.errors import RecordError, SettingsError
from pipeline.record import Record
from pipeline.settings import Settings, flag

_CODE: Final = ("extractor", "generator_class")  # fields that may name a class to be run
_DONORS: Final = "/donors.npz"

log = logging.getLogger(__name__)


def settings_of(record: Record, trusted: dict[str, str]) -> Settings:
    """The settings of the run that made the record; its generator by name.

    A record must not name code to be run: the command line does, by the fields in `trusted`.
    Raises RecordError for settings that are unknown or cannot be.
    """
    known = {f.name: f.default for f in fields(Settings)}
    for name, value in record.settings.items():
        if name not in known:
            raise RecordError(f"settings.{name}: there is no such option")
        if not _is_like(value, known[name], name):
            raise RecordError(f"settings.{name} must be like {known[name]!r}, got {value!r}")
    try:
        made = Settings(**record.settings)
    except SettingsError as error:
        raise RecordError(f"settings: {error}") from None
    for name in _CODE:
        place = getattr(made, name)
        if ":" in place and trusted.get(name) != place:
            raise RecordError(
                f"settings.{name} names code to be run, {place}, which a record may not: "
                f"add {flag(name)} {place} if you trust it"
            )
    # No detector is asked: which one it was does not matter, unless it is code to be loaded.
    made = replace(made, detector=Settings().detector)
    named = next((key for key in record.models if key.endswith(_DONORS)), None)
    return made if named is None else replace(made, generator=named.removesuffix(_DONORS))


def check_models(record: Record, used: dict[str, str]) -> None:
    """Raise RecordError where the record's donors are other faces now; warn of other models."""
    other = [name for name, told in record.models.items() if name in used and used[name] != told]
    if donors := [name for name in other if name.endswith(_DONORS)]:
        raise RecordError(
            f"{donors[0]} was changed since the record was made, so that its donors mean other "
            "faces: bring that generator back, or run the file again"
        )
    if other:
        log.warning(
            "other model files than the record's: %s; what is drawn anew may look different",
            ", ".join(sorted(other)),
        )


def _is_like(value: Any, default: Any, name: str) -> bool:
    if name == "detect_every":
        return isinstance(value, (int, str)) and not isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return type(value) is type(default)
