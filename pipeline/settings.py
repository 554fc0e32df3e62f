"""Everything a run can be told, in one frozen dataclass. Secrets (the salt) are no part of it."""

from dataclasses import dataclass, fields

from pipeline import steering
from pipeline.errors import SettingsError

MODES = ("surrogate", "mosaic", "blur", "solid")
DONORS = ("opposite", "nearest")
EXPRESSIONS = ("keep", "neutral")
PERSON_SCOPES = ("clip", "job")
GLASSES = ("draw", "drop", "keep")
OCCLUSIONS = ("keep", "cover")
DEVICES = ("cpu", "auto", "gpu", "npu", "cuda", "tensorrt", "coreml", "directml", "onnx")
ENCODERS = ("x264", "nvenc", "qsv", "amf", "videotoolbox")
PRESETS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast",
    "medium", "slow", "slower", "veryslow", "placebo",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The options of `facesurrogate run`; each is explained by its `--help`."""

    mode: str = "surrogate"
    detector: str = "centerface"
    extractor: str = "dlib_resnet"
    generator: str = ""
    generator_class: str = ""
    donors: str = "opposite"
    k: int = 4
    detect_size: int = 1280
    detect_every: int | str = "auto"  # or frames
    detect_threshold: float = 0.35
    min_face: int = 10
    shape: float = 1.0
    expression: str = "keep"
    glasses: str = "draw"
    occlusion: str = "keep"
    age: str = ""
    sex: str = ""
    skin: str = ""
    identity: str = ""
    person_scope: str = "clip"
    scheme: str = steering.DEFAULT_SCHEME
    suffix: str = "-deid"
    overwrite: bool = False
    keep_date: bool = False
    crf: int = 17
    preset: str = "veryfast"
    encoder: str = "x264"
    device: str = "cpu"
    max_pixels: int = 500

    def __post_init__(self) -> None:
        self._one_of("mode", MODES)
        self._one_of("donors", DONORS)
        self._one_of("preset", PRESETS)
        self._one_of("encoder", ENCODERS)
        self._one_of("device", DEVICES)
        self._one_of("expression", EXPRESSIONS)
        self._one_of("glasses", GLASSES)
        self._one_of("occlusion", OCCLUSIONS)
        self._one_of("person_scope", PERSON_SCOPES)
        for name, low, high in (
            ("k", 1, 16),
            ("detect_size", 128, 8192),
            ("detect_threshold", 0.05, 0.95),
            ("min_face", 4, 512),
            ("shape", 0.0, 1.0),
            ("crf", 0, 51),
            ("max_pixels", 1, 4000),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingsError(f"{flag(name)} must lie in {low}..{high}, got {value}")
        every = self.detect_every
        if every != "auto" and not (isinstance(every, int) and 1 <= every <= 30):
            raise SettingsError(f"--detect-every must be auto or lie in 1..30, got {every}")
        if not self.suffix or "/" in self.suffix or "\\" in self.suffix:
            raise SettingsError(f"--suffix must be a part of a file name, got {self.suffix!r}")
        self._check_steering()

    def _check_steering(self) -> None:
        wishes = steering.age(self.age), steering.sex(self.sex), steering.skin(self.skin)
        if steering.identity(self.identity) and any(wishes):
            raise SettingsError("--identity names the donors: leave out --age, --sex and --skin")
        if not steering.k_same(self.scheme):
            return
        if self.mode != "surrogate":
            raise SettingsError(f"--scheme {self.scheme} shares surrogates: leave --mode out")
        if self.identity:
            raise SettingsError("--identity and --scheme k-same exclude each other")
        if self.shape != 1:
            raise SettingsError(
                f"--scheme {self.scheme} needs --shape 1, got {self.shape}: less leaves a part of "
                "each person's own shape"
            )

    def _one_of(self, name: str, known: tuple[str, ...]) -> None:
        value = getattr(self, name)
        if value not in known:
            what, all_known = name.replace("_", " "), ", ".join(known)
            raise SettingsError(f"no {what} called {value!r}; known: {all_known}")

    def record(self) -> dict[str, object]:
        """Plain data for the log."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


def flag(name: str) -> str:
    """The command-line spelling of a field."""
    return ("--" if len(name) > 1 else "-") + name.replace("_", "-")
