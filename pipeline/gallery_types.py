"""How features are kept in a database: as an array where it knows arrays, else as JSON."""

from typing import Any

import numpy as np
from sqlalchemy import JSON, REAL, Dialect
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeDecorator, TypeEngine

from pipeline.contract import Floats


class Features(TypeDecorator[Floats]):
    """(d,) float32, exactly as it was: float32 numbers survive decimal digits."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """REAL[] in PostgreSQL."""
        kind: TypeEngine[Any] = ARRAY(REAL) if dialect.name == "postgresql" else JSON()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: Floats | None, dialect: Dialect) -> Any:
        """Plain numbers."""
        return None if value is None else [float(number) for number in value]

    def process_result_value(self, value: Any, dialect: Dialect) -> Floats:
        """What is no list of numbers becomes NaN, which no check lets pass."""
        try:
            return np.asarray(value, np.float32).reshape(-1)
        except (TypeError, ValueError):
            return np.full(1, np.nan, np.float32)
