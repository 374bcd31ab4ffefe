"""Named changes of the syntax tree of a formula: conventions, mistakes, printed forms and mutants."""
