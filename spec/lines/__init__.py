"""Lines: how cases and answers are written for programs in any language. `text` has the format, `signature` what arguments are called."""
