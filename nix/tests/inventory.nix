# movies through the gateway; what PostgreSQL lets the role do; what a wrong environment says; what is shut.
args: import ./. args "inventory"
