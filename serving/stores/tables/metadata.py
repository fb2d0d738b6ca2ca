"""The one collection that every table of the control store is of."""

from sqlalchemy import MetaData

metadata = MetaData()
