"""Types of arrays, as annotations name them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.floating]
Complex = NDArray[np.complexfloating]
Whole = NDArray[np.int64]
Array = NDArray[Any]
