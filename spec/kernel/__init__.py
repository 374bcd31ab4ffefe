"""The export of proofs to a proof assistant, whose kernel checks them."""
