"""Alembic runs this to bring a keep-list up to date; `gallery_store` hands over the connection."""

from alembic import context

from pipeline.gallery_store import BASE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=BASE.metadata,
    transactional_ddl=True,  # a kill in between leaves the schema that was there
)
context.run_migrations()
