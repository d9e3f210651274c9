"""The programs of AWS's own images: the training and inference containers of its built-in algorithms."""
