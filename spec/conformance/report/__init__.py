"""What people see of verdicts: text, tables, the matrix of libraries."""
