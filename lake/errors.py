"""Errors by remedy: what the caller should do decides the class, and each message names it."""


class QuantminiError(Exception):
    """Base of every error that a person can act on; printed without a traceback."""


class UsageError(QuantminiError):
    """The command or a setting is wrong: correct it and call again."""


class NotPublished(QuantminiError):
    """The vendor has not published the file yet: wait, the next run asks again."""


class NotEntitled(QuantminiError):
    """The plan does not cover the file: stop asking for it and for older ones."""


class SourceUnavailable(QuantminiError):
    """The source did not answer or not properly: run again later."""


class CorruptFile(QuantminiError):
    """A file is damaged: fetch it again, and report it to whoever made it if it stays so."""


class BadData(QuantminiError):
    """A file is whole but its content breaks the contract: fix the data or the setting it names."""


class DiskFull(QuantminiError):
    """There is no space left: free some, then give the same command again."""


class OutOfMemory(QuantminiError):
    """The run would not fit: raise the limit that the message names, or use fewer workers."""


class LakeBusy(QuantminiError):
    """Another run writes to this lake: wait until it ends."""


class NotBuilt(QuantminiError):
    """The lake lacks what was asked for: run the command that the message names."""


class QueryFailed(QuantminiError):
    """The SQL is wrong or gives no rows: correct it."""


class Outdated(QuantminiError):
    """What this connection reads is no longer there: connect again."""
