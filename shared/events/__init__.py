"""THE event contract: one module per stream, Pydantic models, pure."""
