"""What Alembic runs: the steps, on the connection and in the transaction that the store hands over."""

from alembic import context

from serving.stores.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
