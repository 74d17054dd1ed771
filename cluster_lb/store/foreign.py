"""Contents of Redis that are none of ours."""

#: What reading a text that somebody else wrote may raise. OverflowError: `int` of 1e999; RecursionError:
#: lists in lists without end.
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)
