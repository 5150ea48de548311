"""The sender: what a department's side of the wire does. It knows the contract and nothing of the catalog's inside."""
