"""Stands in for connexion, which Debian 12 does not have: Wazuh's cluster daemon only imports this exception."""
from .exceptions import ProblemException  # noqa: F401
