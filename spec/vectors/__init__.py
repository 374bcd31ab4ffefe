"""Vectors: what programs in any language read to check an implementation. Cases with certified results, as canonical JSON lines.

`expected` certifies results, `calls` and `runs` choose the cases,
`changes` are what the cases must tell from the formula, `files` writes and checks the folder.
"""
