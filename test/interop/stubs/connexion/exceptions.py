class ProblemException(Exception):
    pass
