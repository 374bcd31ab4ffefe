"""Everything that draws from the domain of an argument: strategies, invalid inputs, cases."""
