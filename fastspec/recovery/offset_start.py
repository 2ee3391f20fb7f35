def signals(made, S, length):
    raise NotImplementedError
