"""What runs kernels: compiling (jit, cache), threads, calls by address, layouts of arguments."""
