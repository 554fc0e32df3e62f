"""People, and what is known of each of their pictures."""

import sqlalchemy as sql
from alembic import op

from pipeline.gallery_types import Features

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables."""
    op.create_table(
        "people",
        sql.Column("id", sql.Integer, primary_key=True),
        sql.Column("name", sql.String(200), nullable=False, unique=True),
    )
    op.create_table(
        "looks",
        sql.Column("id", sql.Integer, primary_key=True),
        sql.Column(
            "person",
            sql.Integer,
            sql.ForeignKey("people.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sql.Column("extractor", sql.String(200), nullable=False),
        sql.Column("features", Features, nullable=False),
        sql.Column("digest", sql.String(64), nullable=False),
        sql.Column("label", sql.String(200), nullable=False),
        sql.UniqueConstraint("person", "extractor", "digest", name="one_look_a_picture"),
    )


def downgrade() -> None:
    """As if there had never been a keep-list."""
    op.drop_table("looks")
    op.drop_table("people")
