import numpy as np
def polar(S,p): 
    return (S*np.exp(1j*p)).astype(np.result_type(S.dtype,np.complex64))
