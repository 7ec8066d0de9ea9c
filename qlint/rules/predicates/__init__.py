"""The closed vocabulary of rule files: three-valued predicates on layers and networks."""
