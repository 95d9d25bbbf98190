"""Where other people's packages import the distribution functions from; they are in `estimators.distributions`."""

from estimators.distributions import *  # noqa: F403
