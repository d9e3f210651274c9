"""Before money is spent: is a lesson ready to run on AWS, and what does an error of AWS's ask for?"""
