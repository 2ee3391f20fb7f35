"""Names of array types for annotations."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.floating]
Complex = NDArray[np.complexfloating]
Integer = NDArray[np.int64]
Array = NDArray[Any]
