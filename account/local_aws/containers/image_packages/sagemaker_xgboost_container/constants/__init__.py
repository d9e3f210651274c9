"""See ``xgb_content_types``."""
