"""AWS's package ``sagemaker_algorithm_toolkit`` of XGBoost's image, of which only ``exceptions`` is here."""
