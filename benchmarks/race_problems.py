"""The problems of the race by name."""

from race_architectures import ARCHITECTURES
from race_conditional import CONDITIONAL, NESTED
from race_flat import BRANIN_CURRIN, CAR_SIDE_IMPACT, NAS, SIXTY, VEHICLE_SAFETY
from race_tabulated import CORA, DIGITS

PROBLEMS = {
    problem.name: problem
    for problem in (
        BRANIN_CURRIN,
        NAS,
        VEHICLE_SAFETY,
        CAR_SIDE_IMPACT,
        CONDITIONAL,
        NESTED,
        ARCHITECTURES,
        SIXTY,
        DIGITS,
        CORA,
    )
}
