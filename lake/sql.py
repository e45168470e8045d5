"""Values as SQL text, for statements that take no parameters: ATTACH, COPY, CREATE VIEW, SET."""


def quoted(value: object) -> str:
    """A value's text, a path's say, as an SQL string."""
    return "'" + str(value).replace("'", "''") + "'"
