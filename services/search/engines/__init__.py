"""Search engines behind one protocol; `tests/search/engine_contract.py` says what each must do."""
