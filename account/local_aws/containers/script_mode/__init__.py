"""Script mode: the programs of the framework images, which run what a user wrote.

``train.py`` plays AWS's open ``sagemaker-training-toolkit``, ``serve.py`` the servers of the images.  They are started
by their paths and import nothing of the project but each other: what the user calls ``utils`` is the user's.
"""
