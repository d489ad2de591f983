"""A study in a database, who may write it, and how readers find it."""
